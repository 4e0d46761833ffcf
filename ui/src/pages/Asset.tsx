import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import type { Wire } from "../api/client";
import { assetQuery } from "../api/queries";
import { AssetIdentity } from "../parts/AssetIdentity";
import { AssetNetwork } from "../parts/AssetNetwork";
import { AssetUnknown } from "../parts/AssetUnknown";
import { ENDED, OF_ASSET, type Column } from "../parts/FindingColumns";
import { FindingTable } from "../parts/FindingTable";
import { InspectNow } from "../parts/InspectNow";
import { MomentOrNever } from "../parts/Moment";
import { PageTitle } from "../parts/PageTitle";
import { Section } from "../parts/Section";
import { Failure, Loading } from "../parts/States";
import { TierLine } from "../parts/Tier";
import { texts } from "../texts";
import css from "./page.module.css";

const route = getRouteApi("/shell/assets/$id");
const t = texts.asset;
const ROWS = 50;

/** Everything known about one asset, and what is not. */
export function Asset() {
  const { id } = route.useParams();
  const asset = useQuery(assetQuery(id));
  if (asset.isPending) return <Loading rows={8} />;
  if (asset.isError) return <Failure error={asset.error} retry={() => void asset.refetch()} />;
  return <AssetPage key={id} asset={asset.data} />;
}

function AssetPage({ asset }: { asset: Wire<"AssetDetail"> }) {
  const inspected = asset.last_inspected_at != null;
  const active = asset.findings.filter((finding) => isActive(finding));
  const ended = asset.findings.filter((finding) => !isActive(finding));
  return (
    <>
      <div className={css.head}>
        <div>
          <PageTitle title={asset.name}>
            <bdi>{asset.name}</bdi>
          </PageTitle>
          <p className={css.subtitle}>
            {asset.platform ? <bdi>{asset.platform}</bdi> : null}
            <span>
              {t.inspected}: <MomentOrNever value={asset.last_inspected_at} />
            </span>
            {inspected ? <TierLine counts={asset.counts} undecided={asset.unknown_count} /> : null}
          </p>
        </div>
        <InspectNow asset={asset} />
      </div>
      {inspected ? null : (
        <div className={css.gap}>
          <h2>{t.neverTitle}</h2>
          <p>{t.neverDetail}</p>
        </div>
      )}
      <AssetState asset={asset} />
      {asset.last_error ? (
        <div className={css.alarm}>
          <h2>{t.lastError}</h2>
          <p>
            <bdi>{asset.last_error}</bdi>
          </p>
        </div>
      ) : null}
      {inspected ? (
        <nav aria-label={t.onPage} className={css.onPage}>
          <a href="#undecided">{`${t.unknown} (${texts.count(asset.unknown.length)})`}</a>
          <a href="#active">{`${t.active} (${texts.count(active.length)})`}</a>
          <a href="#ended">{`${t.ended} (${texts.count(ended.length)})`}</a>
          <a href="#network">{t.services}</a>
        </nav>
      ) : null}
      <AssetIdentity asset={asset} />
      <AssetUnknown asset={asset} />
      {inspected || asset.findings.length > 0 ? (
        <>
          <Findings id="active" title={t.active} none={t.activeNone} columns={OF_ASSET} findings={active} />
          <Findings id="ended" title={t.ended} none={t.endedNone} columns={ENDED} findings={ended} />
        </>
      ) : null}
      <AssetNetwork asset={asset} />
    </>
  );
}

function Findings(props: { id: string; title: string; none: string; columns: readonly Column[]; findings: Wire<"Finding">[] }) {
  const { id, title, none, columns, findings } = props;
  const [rows, setRows] = useState(ROWS);
  const hidden = findings.length - rows;
  return (
    <Section id={id} title={title} lead={findings.length === 0 ? none : t.lead(findings.length)}>
      {findings.length > 0 ? <FindingTable caption={title} columns={columns} findings={findings.slice(0, rows)} /> : null}
      {hidden > 0 ? (
        <div className={css.more}>
          <Button variant="default" onClick={() => setRows(rows + ROWS)}>
            {t.more(Math.min(hidden, ROWS))}
          </Button>
        </div>
      ) : null}
    </Section>
  );
}

/** How an asset has ended, or since when it does not answer. */
function AssetState({ asset }: { asset: Wire<"AssetDetail"> }) {
  if (asset.retired_at) {
    return (
      <div className={css.gap}>
        <h2>{texts.asset.endings[asset.retired_as ?? ""] ?? t.retired}</h2>
        <p>
          <MomentOrNever value={asset.retired_at} /> {asset.retired_because ? <bdi>{asset.retired_because}</bdi> : null}
        </p>
      </div>
    );
  }
  if (!asset.unreachable_since) return null;
  return (
    <div className={css.gap}>
      <h2>{t.unreachable}</h2>
      <p>
        {t.unreachableDetail} <MomentOrNever value={asset.unreachable_since} />
      </p>
    </div>
  );
}

function isActive(finding: Wire<"Finding">): boolean {
  return finding.life?.detection !== "fixed" && finding.life?.detection !== "closed";
}
