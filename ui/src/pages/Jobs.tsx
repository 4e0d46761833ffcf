import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, type ReactNode } from "react";

import type { Wire } from "../api/client";
import { jobOverviewQuery, jobsQuery, statusQuery } from "../api/queries";
import { showKind } from "../format/job";
import { useJobActs } from "../parts/JobActs";
import { DEAD, ENDED, JobFilter, RUNNING, WAITING } from "../parts/JobFilter";
import parts from "../parts/Jobs.module.css";
import { JobTable } from "../parts/JobTable";
import { Moment } from "../parts/Moment";
import { More } from "../parts/More";
import { PageTitle } from "../parts/PageTitle";
import { Section } from "../parts/Section";
import { Empty, Failure, Loading } from "../parts/States";
import { texts } from "../texts";
import css from "./page.module.css";

type Job = Wire<"Job">;
type Overview = Wire<"JobOverview">;

const route = getRouteApi("/shell/jobs");
const t = texts.jobs;

/** What runs, what waits, what failed, and what was done lately. */
export function Jobs() {
  const { state, kind } = route.useSearch();
  const overview = useQuery(jobOverviewQuery(kind));
  const acts = useJobActs();
  useFreshBanner(kind ? undefined : overview.data?.dead_count);
  return (
    <>
      <PageTitle title={t.title} />
      <p className={css.lead}>{t.lead}</p>
      <JobFilter overview={overview.data} />
      {acts.outcome}
      {overview.isPending ? <Loading /> : null}
      {overview.isError && !overview.data ? <Failure error={overview.error} retry={() => void overview.refetch()} /> : null}
      {overview.isError && overview.data ? <Old at={overview.data.at} /> : null}
      {overview.data && !state ? <Glance overview={overview.data} kind={kind} buttons={acts.buttons} /> : null}
      {overview.data && state ? <List key={`${state} ${kind}`} state={state} kind={kind} at={overview.data.at} buttons={acts.buttons} /> : null}
    </>
  );
}

/** The banner above counts what is dead too: it is asked again when that has changed. */
function useFreshBanner(dead: number | undefined) {
  const queryClient = useQueryClient();
  const status = useQuery(statusQuery);
  const told = status.data?.dead_job_count;
  useEffect(() => {
    if (dead != null && told != null && dead !== told) void queryClient.invalidateQueries({ queryKey: statusQuery.queryKey });
    // Once for each change: what the banner says then is the server's word.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [dead]);
}

function Old({ at }: { at: string }) {
  return (
    <p className={css.gap} role="alert">
      {t.old} <Moment value={at} />.
    </p>
  );
}

type Buttons = (job: Job) => ReactNode;

/** A few jobs of each sort, what failed before everything else. */
function Glance({ overview, kind, buttons }: { overview: Overview; kind: string | undefined; buttons: Buttons }) {
  const { at } = overview;
  const part = (state: string, title: string, lead: string, none: string, jobs: readonly Job[], count: number | null) => (
    <Section title={title} lead={lead}>
      {jobs.length > 0 ? <JobTable caption={title} jobs={jobs} at={at} acts={buttons} /> : <p className={parts.none}>{none}</p>}
      {count == null || count > jobs.length ? (
        <p className={parts.rest}>
          <Link to="/jobs" search={{ state, ...(kind ? { kind } : {}) }}>
            {count == null ? t.allEnded : t.all(count)}
          </Link>
        </p>
      ) : null}
    </Section>
  );
  return (
    <>
      {overview.dead.length > 0 ? part(DEAD, t.dead, t.deadLead, "", overview.dead, overview.dead_count) : null}
      {part(RUNNING, t.running, t.runningLead, t.runningNone, overview.running, overview.running_count)}
      {part(WAITING, t.waiting, t.waitingLead, t.waitingNone, overview.waiting, overview.waiting_count)}
      {part(ENDED, t.endedLately, t.endedLead, t.endedNone, overview.ended, overview.ended.length > 0 ? null : 0)}
    </>
  );
}

/** Every job of some states, the newest first. */
function List(props: { state: string; kind: string | undefined; at: string; buttons: Buttons }) {
  const pages = useInfiniteQuery(jobsQuery({ state: props.state, ...(props.kind ? { kind: props.kind } : {}) }));
  const jobs = pages.data?.pages.flatMap((page) => page.jobs) ?? [];
  const title = t.titles[props.state] ?? t.title;
  return (
    <Section title={title} lead={t.listLead}>
      {pages.isPending ? <Loading /> : null}
      {pages.isError ? <Failure error={pages.error} retry={() => void pages.refetch()} /> : null}
      {pages.data ? (
        <p className={css.total} aria-live="polite">
          {jobs.length > 0 ? t.shown(jobs.length, pages.hasNextPage) : ""}
        </p>
      ) : null}
      {pages.data && jobs.length === 0 ? (
        <Empty title={t.none(props.kind ? showKind(props.kind) : null)}>
          <Link to="/jobs">{t.toAll}</Link>
        </Empty>
      ) : null}
      {jobs.length > 0 ? <JobTable caption={title} jobs={jobs} at={props.at} acts={props.buttons} /> : null}
      <More pages={pages} label={t.more} />
    </Section>
  );
}
