import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { Wire } from "../api/client";
import { actsOn, far, showAttempts, showBetween, showFar, showJob, showKind } from "../format/job";
import page from "../pages/page.module.css";
import { texts } from "../texts";
import css from "./Jobs.module.css";
import { Moment } from "./Moment";
import { Table, type Row } from "./Table";
import { Unknown } from "./Unknown";
import { Word } from "./Word";

type Job = Wire<"Job">;

const t = texts.jobs;
/** A longer text is shown from its beginning, and opened whole. */
const SHORT = 180;

/** Jobs, one a row. `at` is the server's present, `acts` what may be done to each. */
export function JobTable(props: { caption: string; jobs: readonly Job[]; at: string; acts: (job: Job) => ReactNode }) {
  const head = [t.job, t.far, t.when, t.node, t.tried];
  const acted = props.jobs.some((job) => actsOn(job).length > 0);
  return (
    <Table
      caption={props.caption}
      head={acted ? [...head, t.do] : head}
      rows={props.jobs.map((job) => row(job, props.at, acted ? [props.acts(job)] : []))}
    />
  );
}

function row(job: Job, at: string, acts: ReactNode[]): Row {
  return {
    key: job.id,
    cells: [
      <div key="job" className={css.job}>
        <span className={page.strong} title={job.kind}>
          {showKind(job.kind)}
        </span>
        <div className={page.small}>{about(job)}</div>
      </div>,
      <div key="far" className={css.far}>
        {outcome(job)}
      </div>,
      <div key="when" className={css.when}>
        {when(job, at)}
      </div>,
      <div key="node" className={css.node}>
        {holder(job)}
      </div>,
      <span key="tried" className={page.short}>
        {showAttempts(job)}
      </span>,
      ...acts,
    ],
  };
}

/** What it is done to, and who asked. */
function about(job: Job): ReactNode {
  const of = job.asset ? (
    <Link to="/assets/$id" params={{ id: job.asset.id }}>
      <Word text={job.asset.name} />
    </Link>
  ) : job.key === job.kind ? null : (
    <Word text={job.key} />
  );
  const by = job.asked_by == null ? null : t.askedBy(job.asked_by);
  return (
    <>
      {of}
      {of && by ? " · " : null}
      {by ? <bdi>{by}</bdi> : null}
    </>
  );
}

/** How far it is, what came of it, or why it failed. */
function outcome(job: Job): ReactNode {
  switch (job.state) {
    case "leased":
      return <Running job={job} />;
    case "ready":
      return job.last_error ? (
        <>
          <div className={page.small}>{t.again}</div>
          <Long text={job.last_error} look={page.quiet} />
        </>
      ) : (
        <span className={page.quiet}>{t.waits}</span>
      );
    case "dead":
      return job.last_error ? <Long text={job.last_error} look={css.reason} /> : <Unknown text={t.noReason} />;
    case "done":
      return <Long text={job.progress.text || t.states.done || job.state} />;
    default:
      return (
        <>
          <div>{t.states[job.state] ?? job.state}</div>
          {job.last_error ? <Long text={job.last_error} look={page.quiet} /> : null}
        </>
      );
  }
}

function Running({ job }: { job: Job }) {
  const is = far(job.progress);
  return (
    <>
      {is.kind === "share" ? (
        <progress className={css.bar} value={is.done} max={is.total} aria-label={`${t.far}: ${showJob(job)}`} />
      ) : null}
      <div>
        {is.kind === "unknown" ? job.progress.text ? null : <Unknown text={showFar(is)} /> : <span className={page.short}>{showFar(is)}</span>}
        {is.kind !== "unknown" && job.progress.text ? " · " : null}
        <bdi>{job.progress.text}</bdi>
      </div>
      {job.cancel_asked_at == null ? null : <div className={page.error}>{t.ending}</div>}
    </>
  );
}

function Long({ text, look }: { text: string; look?: string | undefined }) {
  if (text.length <= SHORT) return <bdi className={look}>{text}</bdi>;
  return (
    <details className={css.long}>
      <summary>
        <bdi className={look}>{`${text.slice(0, SHORT)}…`}</bdi>
      </summary>
      <bdi className={look}>{text}</bdi>
    </details>
  );
}

/** The instant that matters, and how far it is from the server's present. */
function when(job: Job, at: string): ReactNode {
  switch (job.state) {
    case "leased":
      return <When word={t.since} value={job.started_at} beside={beside(t.forSo, showBetween(job.started_at, at))} />;
    case "ready":
      return isBefore(at, job.run_at) ? (
        <When word={t.due} value={job.run_at} beside={beside(t.inSo, showBetween(at, job.run_at))} />
      ) : (
        <When word={t.dueSince} value={job.run_at} beside={beside(t.forSo, showBetween(job.run_at, at))} />
      );
    default:
      return <When word={t.ended} value={job.ended_at} beside={beside(t.took, showBetween(job.started_at, job.ended_at))} />;
  }
}

function When({ word, value, beside }: { word: string; value: string | null | undefined; beside: string | null }) {
  return (
    <>
      <div>
        {word} <Moment value={value} />
      </div>
      {beside ? <div className={page.small}>{beside}</div> : null}
    </>
  );
}

function beside(words: (time: string) => string, time: string | null): string | null {
  return time == null ? null : words(time);
}

function isBefore(a: string, b: string): boolean {
  return Date.parse(a) < Date.parse(b);
}

/** Who has it or had it last; of what waits, who may take it. */
function holder(job: Job): ReactNode {
  if (job.state === "ready") return <bdi>{job.scope == null ? t.aServer : t.aNodeOf(job.scope)}</bdi>;
  return job.holder == null ? <span>{texts.none}</span> : <bdi>{job.holder}</bdi>;
}
