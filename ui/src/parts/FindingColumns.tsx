import { Link } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";

import type { Wire } from "../api/client";
import { due } from "../format/due";
import { showDuration } from "../format/duration";
import { showInstant } from "../format/instant";
import { isListed } from "../format/kev";
import { showProbability } from "../format/probability";
import { severity, showScore } from "../format/score";
import { texts } from "../texts";
import css from "./FindingColumns.module.css";
import { Flags } from "./Flags";
import { Moment } from "./Moment";
import { Tier } from "./Tier";
import { Unknown } from "./Unknown";
import { Word } from "./Word";

type Finding = Wire<"Finding">;

/** One column of a table of findings. */
export interface Column {
  name: string;
  title: string;
  hint?: string;
  numeric?: boolean;
  cell: (finding: Finding) => ReactNode;
}

const t = texts.finding;

const priority: Column = { name: "priority", title: t.priority, cell: (finding) => <Tier tier={finding.priority} /> };

const vulnerability: Column = {
  name: "vulnerability",
  title: t.vulnerability,
  cell: (finding) => (
    <>
      <Link to="/vulnerabilities/$id" params={{ id: finding.vulnerability }} className={css.main}>
        <bdi>{finding.vulnerability}</bdi>
      </Link>
      <Flags finding={finding} />
    </>
  ),
};

const asset: Column = {
  name: "asset",
  title: t.asset,
  cell: ({ asset }) =>
    asset ? (
      <Link to="/assets/$id" params={{ id: asset.id }} className={css.main} title={asset.name}>
        <Word text={asset.name} className={css.clamp} />
      </Link>
    ) : (
      <Unknown />
    ),
};

const component: Column = {
  name: "package",
  title: t.package,
  cell: ({ component }) => (
    <>
      <bdi className={`${css.package} ${css.clamp}`}>{component.name}</bdi>
      <Word text={component.version} className={css.version} />
    </>
  ),
};

const score: Column = {
  name: "score",
  title: t.score,
  hint: t.scoreTitle,
  numeric: true,
  cell: ({ cvss }) => {
    if (!cvss) return <Unknown text={texts.notScored} why={t.unknownScore} />;
    const level = severity(cvss.bte, cvss.version);
    return (
      <span className={css.score} data-severity={level} title={`${t.scoreOf(cvss.version)}, ${t.severity[level] ?? level}`}>
        <strong>{showScore(cvss.bte)}</strong>
        <small>v{cvss.version}</small>
      </span>
    );
  },
};

const epss: Column = {
  name: "epss",
  title: t.epss,
  hint: t.epssTitle,
  numeric: true,
  cell: ({ epss }) => (epss == null ? <Unknown text={texts.notScored} why={t.unknownEpss} /> : showProbability(epss)),
};

const kev: Column = {
  name: "kev",
  title: t.kev,
  hint: t.kevTitle,
  cell: (finding) => {
    const listed = isListed(finding);
    if (listed == null) return <Unknown why={t.unknownKev} />;
    if (!listed) return <span className={`${css.quiet} ${css.short}`}>{t.kevNot}</span>;
    const title = finding.kev_added ? `${t.kevSince} ${showInstant(finding.kev_added)}` : undefined;
    return (
      <span className={css.kev} title={title}>
        {t.kevListed}
      </span>
    );
  },
};

const dueDate: Column = { name: "due", title: t.due, cell: (finding) => <DueDate value={finding.due} /> };

const fix: Column = {
  name: "fix",
  title: t.fix,
  cell: (finding) =>
    finding.fixed_version == null ? (
      <span className={css.quiet}>{t.noFix[finding.vendor_status] ?? finding.vendor_status}</span>
    ) : (
      <Word text={finding.fixed_version} className={css.fix} />
    ),
};

const ended: Column = {
  name: "state",
  title: t.state,
  cell: ({ life }) => (life ? <strong>{state(life)}</strong> : <Unknown />),
};

const endedAt: Column = {
  name: "endedAt",
  title: t.endedAt,
  cell: ({ life }) => <Moment value={life?.fixed_at ?? life?.episodes.at(-1)?.ended_at} />,
};

const exposureTime: Column = {
  name: "exposureTime",
  title: t.exposureTime,
  cell: ({ life }) => (life ? showDuration(life.exposure_seconds) : <Unknown />),
};

/** The queue over all assets. */
export const QUEUE: readonly Column[] = [priority, vulnerability, asset, component, score, epss, kev, dueDate, fix];

/** Active findings of one asset. */
export const OF_ASSET: readonly Column[] = QUEUE.filter((column) => column !== asset);

/** Findings of one vulnerability, active or ended. */
export const OF_VULNERABILITY: readonly Column[] = [priority, asset, component, { ...ended, cell: StateCell }, score, dueDate, fix];

/** Ended findings of one asset. */
export const ENDED: readonly Column[] = [vulnerability, component, ended, endedAt, exposureTime, fix];

/** The state in words, with its cause. */
export function state(life: Wire<"Life">): string {
  const name = t.detection[life.detection] ?? life.detection;
  const cause = life.cause == null ? null : (t.cause[life.cause] ?? life.cause);
  return cause ? `${name}: ${cause}` : name;
}

function StateCell(finding: Finding) {
  if (!finding.life) return <Unknown />;
  return (
    <>
      {state(finding.life)}
      <Flags finding={finding} />
    </>
  );
}

function DueDate({ value }: { value: string | null | undefined }) {
  const [now] = useState(() => new Date());
  if (value == null) return <span className={css.quiet}>{t.nextUpgrade}</span>;
  const near = due(value, now);
  const words = {
    overdue: (days: number) => t.overdue(days),
    today: () => t.today,
    soon: (days: number) => t.inDays(days),
    later: (days: number) => t.inDays(days),
  };
  return (
    <span className={css.due} data-due={near?.kind}>
      <Moment value={value} style="day" />
      {near ? <small>{words[near.kind](near.days)}</small> : null}
    </span>
  );
}
