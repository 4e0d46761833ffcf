import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";

import type { Wire } from "../api/client";
import { assetsQuery } from "../api/queries";
import { Icon } from "../parts/Icon";
import { Moment } from "../parts/Moment";
import { PageTitle } from "../parts/PageTitle";
import { Commands, Empty, Failure, Loading } from "../parts/States";
import { Table, type Row } from "../parts/Table";
import { TierLine } from "../parts/Tier";
import { Unknown } from "../parts/Unknown";
import { Word } from "../parts/Word";
import { texts } from "../texts";
import css from "./page.module.css";

type Asset = Wire<"Asset">;

const route = getRouteApi("/shell/assets");
const t = texts.assets;
const ROWS = 100;

/** Every asset, inspected or not. */
export function Assets() {
  const assets = useQuery(assetsQuery);
  const { text = "" } = route.useSearch();
  const navigate = route.useNavigate();
  const [rows, setRows] = useState(ROWS);
  const found = useMemo(() => (assets.data ?? []).filter((asset) => matches(asset, text)), [assets.data, text]);
  const search = (value: string) => void navigate({ search: { text: value }, replace: true, resetScroll: false });
  return (
    <>
      <PageTitle title={t.title} />
      <p className={css.lead}>{t.lead}</p>
      {assets.isPending ? <Loading /> : null}
      {assets.isError ? <Failure error={assets.error} retry={() => void assets.refetch()} /> : null}
      {assets.data?.length === 0 ? (
        <Empty title={t.empty}>
          <p>{t.emptyDetail}</p>
          <Commands lines={texts.priorities.emptyNeverCommands} />
        </Empty>
      ) : null}
      {assets.data && assets.data.length > 0 ? (
        <>
          <div className={css.search} role="search">
            <TextInput
              aria-label={t.search}
              placeholder={t.search}
              value={text}
              maxLength={200}
              leftSection={<Icon name="search" />}
              onChange={(event) => search(event.currentTarget.value)}
            />
          </div>
          <p className={css.total} aria-live="polite">
            {found.length === 0 ? t.noMatch : t.shown(Math.min(rows, found.length), found.length)}
          </p>
          {found.length > 0 ? (
            <Table
              caption={t.title}
              head={[t.name, t.platform, t.exposure, t.inspected, t.findings, t.undecided]}
              rows={found.slice(0, rows).map(row)}
            />
          ) : null}
          {found.length > rows ? (
            <div className={css.more}>
              <Button variant="default" onClick={() => setRows(rows + ROWS)}>
                {t.more}
              </Button>
            </div>
          ) : null}
        </>
      ) : null}
    </>
  );
}

function row(asset: Asset): Row {
  return {
    key: asset.id,
    cells: [
      <div key="name">
        <Link to="/assets/$id" params={{ id: asset.id }} className={css.strong}>
          <Word text={asset.name} />
        </Link>
        <div className={css.small}>
          <bdi>{asset.addresses.slice(0, 3).join(", ")}</bdi>
          {asset.retired_at ? ` ${t.retired}` : null}
          {asset.unreachable_since ? ` ${t.unreachable}` : null}
        </div>
      </div>,
      asset.platform == null ? <Unknown key="platform" /> : <bdi key="platform">{asset.platform}</bdi>,
      <span key="exposure">{texts.asset.exposures[asset.exposure] ?? <Unknown text={asset.exposure} />}</span>,
      <div key="inspected">
        {asset.last_inspected_at == null ? <Unknown text={t.never} /> : <Moment value={asset.last_inspected_at} />}
        {asset.last_error ? <div className={css.error}>{t.failed}</div> : null}
      </div>,
      <TierLine key="findings" counts={asset.counts} undecided={asset.unknown_count} />,
      asset.unknown_count == null ? <Unknown key="unknown" /> : texts.count(asset.unknown_count),
    ],
  };
}

function matches(asset: Asset, text: string): boolean {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return true;
  return [asset.name, ...asset.addresses, ...asset.tags, ...asset.scopes].some((value) => value.toLowerCase().includes(wanted));
}
