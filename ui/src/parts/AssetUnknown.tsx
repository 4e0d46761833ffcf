import { Button } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import type { Wire } from "../api/client";
import css from "../pages/page.module.css";
import { texts } from "../texts";
import { Table } from "./Table";

const t = texts.asset;
const ROWS = 20;

/** What the last inspection could not decide, each with its reason. */
export function AssetUnknown({ asset }: { asset: Wire<"AssetDetail"> }) {
  const [rows, setRows] = useState(ROWS);
  if (asset.last_inspected_at == null && asset.unknown.length === 0) return null;
  const hidden = asset.unknown.length - rows;
  return (
    <section className={css.section}>
      <header>
        <h2>
          {t.unknown} {asset.unknown.length > 0 ? `(${texts.count(asset.unknown.length)})` : null}
        </h2>
        <p>{asset.unknown.length === 0 ? t.unknownNone : t.unknownLead}</p>
      </header>
      {asset.unknown.length > 0 ? (
        <Table
          caption={t.unknown}
          head={[t.kind, t.subject, texts.finding.vulnerability, t.reason]}
          rows={asset.unknown.slice(0, rows).map((unknown) => ({
            key: `${unknown.kind} ${unknown.subject} ${unknown.vulnerability ?? ""} ${unknown.reason}`,
            cells: [
              t.unknownKinds[unknown.kind] ?? unknown.kind,
              <bdi key="subject">{unknown.subject}</bdi>,
              unknown.vulnerability ? (
                <Link key="vulnerability" to="/vulnerabilities/$id" params={{ id: unknown.vulnerability }}>
                  {unknown.vulnerability}
                </Link>
              ) : (
                "–"
              ),
              <bdi key="reason">{unknown.reason}</bdi>,
            ],
          }))}
        />
      ) : null}
      {hidden > 0 ? (
        <div className={css.more}>
          <Button variant="default" onClick={() => setRows(rows + 10 * ROWS)}>
            {t.more(Math.min(hidden, 10 * ROWS))}
          </Button>
        </div>
      ) : null}
    </section>
  );
}
