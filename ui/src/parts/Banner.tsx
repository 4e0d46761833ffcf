import { useId, useState, type ReactNode } from "react";
import { Link } from "@tanstack/react-router";

import type { Wire } from "../api/client";
import { texts } from "../texts";
import css from "./Banner.module.css";
import { Icon } from "./Icon";
import { MomentOrNever } from "./Moment";
import { Table } from "./Table";
import { Unknown } from "./Unknown";
import { Word } from "./Word";

type Status = Wire<"Status">;

/** First-class warnings of the whole installation, above every page. */
export function Banner({ status, failed }: { status: Status | undefined; failed: boolean }) {
  return (
    <aside className={css.banner} aria-label={texts.banner.label}>
      {failed ? (
        <p className={css.loud} role="alert">
          <Icon name="warning" size={20} />
          <span>{texts.banner.unreadable}</span>
        </p>
      ) : null}
      {status?.sample ? (
        <p className={css.loud}>
          <Icon name="warning" size={20} />
          <span>
            <strong>{texts.banner.sample}</strong> {texts.banner.sampleDetail}
          </span>
        </p>
      ) : null}
      {status ? <Gaps status={status} /> : null}
    </aside>
  );
}

function Gaps({ status }: { status: Status }) {
  const [open, setOpen] = useState(false);
  const details = useId();
  const chips = gaps(status);
  if (chips.length === 0 && status.warnings.length === 0) return null;
  return (
    <section className={css.gaps}>
      <div className={css.head}>
        <Icon name="warning" size={18} />
        <strong>{texts.banner.title}</strong>
        <ul className={css.chips}>
          {chips.map((chip, index) => (
            <li key={index}>{chip}</li>
          ))}
        </ul>
        <button type="button" className={css.toggle} aria-expanded={open} aria-controls={details} onClick={() => setOpen(!open)}>
          {texts.banner.details}
          <Icon name="chevron" size={14} />
        </button>
      </div>
      {/* With nothing counted, the sentences are all there is: they are not hidden. */}
      <div id={details} className={css.details} hidden={!open && chips.length > 0}>
        <ul className={css.sentences}>
          {status.warnings.map((warning, index) => (
            <li key={index}>
              <bdi>{warning}</bdi>
            </li>
          ))}
        </ul>
        {open ? <Feeds feeds={status.feeds} /> : null}
      </div>
    </section>
  );
}

function gaps(status: Status): ReactNode[] {
  const chips: ReactNode[] = [];
  const feeds = status.feeds.filter((feed) => feed.state !== "fresh");
  if (feeds.length > 0) {
    const named = feeds.map((feed) => `${feed.id}: ${texts.banner.feedStates[feed.state] ?? feed.state}`).join(", ");
    chips.push(<span title={named}>{texts.banner.feeds(feeds.length)}</span>);
  }
  if (status.asset_unknown_count > 0) {
    chips.push(<Link to="/assets">{texts.banner.assets(status.asset_unknown_count)}</Link>);
  }
  if (status.unknown_count == null) chips.push(texts.banner.nothingInspected);
  else if (status.unknown_count > 0) chips.push(<Link to="/assets">{texts.banner.undecided(status.unknown_count)}</Link>);
  if (status.dead_job_count > 0) {
    chips.push(
      <Link to="/jobs" search={{ state: "dead" }}>
        {texts.banner.deadJobs(status.dead_job_count)}
      </Link>,
    );
  }
  if (status.silent_node_count > 0) chips.push(<Link to="/nodes">{texts.banner.silentNodes(status.silent_node_count)}</Link>);
  return chips;
}

function Feeds({ feeds }: { feeds: Status["feeds"] }) {
  return (
    <Table
      caption={texts.banner.feedTable}
      head={[texts.banner.feed, texts.banner.feedState, texts.banner.fetched, texts.banner.published, texts.banner.records, texts.banner.problems]}
      rows={feeds.map((feed) => ({
        key: feed.id,
        cells: [
          <Word key="id" text={feed.id} className="mono" />,
          <strong key="state">{texts.banner.feedStates[feed.state] ?? feed.state}</strong>,
          <MomentOrNever key="fetched" value={feed.fetched_at} />,
          <MomentOrNever key="published" value={feed.published_at} never={texts.unknown} />,
          feed.record_count == null ? <Unknown key="records" /> : texts.count(feed.record_count),
          <bdi key="problems">{feed.last_error ?? feed.problems[0] ?? texts.count(feed.problem_count)}</bdi>,
        ],
      }))}
    />
  );
}
