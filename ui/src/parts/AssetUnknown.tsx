import { Link } from "@tanstack/react-router";

import type { Wire } from "../api/client";
import { groupUndecided, type UndecidedGroup } from "../format/undecided";
import css from "../pages/page.module.css";
import { texts } from "../texts";
import { Section } from "./Section";
import { Table } from "./Table";

const t = texts.asset;
const THINGS = 12;

/** What the last inspection could not decide, by reason. */
export function AssetUnknown({ asset }: { asset: Wire<"AssetDetail"> }) {
  if (asset.last_inspected_at == null && asset.unknown.length === 0) return null;
  return (
    <Section id="undecided" title={t.unknown} lead={asset.unknown.length === 0 ? t.unknownNone : t.unknownLead}>
      {asset.unknown.length > 0 ? (
        <Table
          caption={t.unknown}
          head={[t.kind, t.reason, t.subject]}
          rows={groupUndecided(asset.unknown).map((group) => ({
            key: `${group.kind} ${group.reason}`,
            cells: [
              <span key="kind" className={css.short}>
                {t.unknownKinds[group.kind] ?? group.kind}
              </span>,
              <bdi key="reason">{group.reason}</bdi>,
              <Things key="things" things={group.things} />,
            ],
          }))}
        />
      ) : null}
    </Section>
  );
}

function Things({ things }: { things: UndecidedGroup["things"] }) {
  const rest = things.slice(THINGS);
  return (
    <>
      <ThingList things={things.slice(0, THINGS)} />
      {rest.length > 0 ? (
        <details className={css.rest}>
          <summary>{t.rest(rest.length)}</summary>
          <ThingList things={rest} />
        </details>
      ) : null}
    </>
  );
}

function ThingList({ things }: { things: UndecidedGroup["things"] }) {
  return (
    <ul className={css.tags}>
      {things.map(({ subject, vulnerability }) => (
        <li key={`${subject} ${vulnerability ?? ""}`}>
          <bdi>{subject}</bdi>{" "}
          {vulnerability ? (
            <Link to="/vulnerabilities/$id" params={{ id: vulnerability }}>
              <bdi>{vulnerability}</bdi>
            </Link>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
