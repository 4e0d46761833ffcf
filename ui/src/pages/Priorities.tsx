import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";

import type { Wire } from "../api/client";
import { findingsQuery, statusQuery } from "../api/queries";
import { mayMissFindings } from "../format/gaps";
import { QUEUE } from "../parts/FindingColumns";
import { FindingFilters } from "../parts/FindingFilters";
import { FindingTable } from "../parts/FindingTable";
import { More } from "../parts/More";
import { Notes } from "../parts/Notes";
import { PageTitle } from "../parts/PageTitle";
import { SavedViews } from "../parts/SavedViews";
import { Commands, Empty, Failure, Loading } from "../parts/States";
import { TierFilter } from "../parts/TierFilter";
import { texts } from "../texts";
import css from "./page.module.css";

const route = getRouteApi("/shell/");
const t = texts.priorities;

/** The queue: what to do first, over all assets. */
export function Priorities() {
  const filter = route.useSearch();
  const pages = useInfiniteQuery({ ...findingsQuery(filter), placeholderData: keepPreviousData });
  const status = useQuery(statusQuery);
  const findings = pages.data?.pages.flatMap((page) => page.findings) ?? [];
  const first = pages.data?.pages[0];
  // What holds for the whole installation stands in the banner already.
  const notes = (first?.warnings ?? []).filter((note) => !status.data?.warnings.includes(note));
  return (
    <>
      <PageTitle title={t.title} />
      <p className={css.lead}>{t.lead}</p>
      <TierFilter status={status.data} />
      <FindingFilters />
      <SavedViews />
      <p className={css.total} aria-live="polite">
        {first ? t.shown(findings.length, first.total) : texts.state.loading}
      </p>
      <Notes title={t.warnings} notes={notes} />
      {pages.isPending ? <Loading rows={9} /> : null}
      {pages.isError ? <Failure error={pages.error} retry={() => void pages.refetch()} /> : null}
      {first && first.total === 0 ? <NoFindings filtered={Object.keys(filter).length > 0} status={status.data} /> : null}
      {findings.length > 0 ? (
        <div aria-busy={pages.isPlaceholderData} className={css.results}>
          <FindingTable caption={t.title} columns={QUEUE} findings={findings} />
        </div>
      ) : null}
      <More pages={pages} label={t.more} />
    </>
  );
}

function NoFindings({ filtered, status }: { filtered: boolean; status: Wire<"Status"> | undefined }) {
  if (filtered) {
    return (
      <Empty title={t.emptyFilter}>
        <p>{t.emptyFilterDetail}</p>
        <Link to="/">{t.clear}</Link>
      </Empty>
    );
  }
  if (status?.counts == null) {
    return (
      <Empty title={t.emptyNever}>
        <p>{t.emptyNeverDetail}</p>
        <Commands lines={t.emptyNeverCommands} />
      </Empty>
    );
  }
  if (status.unknown_count == null || status.unknown_count > 0) {
    return (
      <Empty title={t.emptyDecided}>
        <p>{status.unknown_count == null ? t.emptyUnprovenDetail : t.emptyDecidedDetail(status.unknown_count)}</p>
        <Link to="/assets">{t.toAssets}</Link>
      </Empty>
    );
  }
  if (mayMissFindings(status)) {
    return (
      <Empty title={t.emptyUnproven}>
        <p>{t.emptyUnprovenDetail}</p>
        <Link to="/assets">{t.toAssets}</Link>
      </Empty>
    );
  }
  return (
    <Empty title={t.empty}>
      <p>{t.emptyDetail}</p>
    </Empty>
  );
}
