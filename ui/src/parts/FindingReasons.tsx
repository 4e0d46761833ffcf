import { useQuery } from "@tanstack/react-query";

import type { Wire } from "../api/client";
import { findingQuery } from "../api/queries";
import { showDuration } from "../format/duration";
import { webAddress } from "../format/link";
import { showProbability } from "../format/probability";
import { groupReasons, isGap } from "../format/reasons";
import { texts } from "../texts";
import { Facts, type Fact } from "./Facts";
import css from "./FindingReasons.module.css";
import { state } from "./FindingColumns";
import { Icon } from "./Icon";
import { Moment } from "./Moment";
import { ScoreSteps } from "./ScoreSteps";

type Finding = Wire<"Finding">;

const t = texts.finding;

/** Why a finding has its priority, and the facts behind it. */
export function FindingReasons({ finding }: { finding: Finding }) {
  return (
    <div className={css.reasons}>
      <section className={css.why} aria-label={t.why(finding.priority)}>
        {groupReasons(finding.reasons).map((group) => (
          <div key={group.topic} className={css.group} data-topic={group.topic}>
            <h3>{group.topic === "tier" ? t.why(finding.priority) : (t.groups[group.topic] ?? group.topic)}</h3>
            <ul>
              {group.reasons.map((reason) => (
                <ReasonLine key={`${reason.rule} ${reason.text}`} reason={reason} />
              ))}
            </ul>
          </div>
        ))}
      </section>
      <div className={css.side}>
        <ScoreSteps cvss={finding.cvss} />
        <section>
          <h3>{t.facts}</h3>
          <Facts facts={facts(finding)} />
        </section>
        {finding.life ? (
          <section>
            <h3>{t.life}</h3>
            <Facts facts={life(finding.life)} />
          </section>
        ) : null}
        {finding.id ? <History id={finding.id} /> : null}
      </div>
    </div>
  );
}

/** Each change of the finding, with what had changed. */
function History({ id }: { id: string }) {
  const detail = useQuery(findingQuery(id));
  return (
    <section>
      <h3>{t.history}</h3>
      {detail.isError ? <p>{detail.error.message}</p> : null}
      <ol className={css.places}>
        {(detail.data?.events ?? []).map((event, index) => (
          <li key={index} title={event.cause}>
            <Moment value={event.observed_at} /> <bdi>{event.fact}</bdi>: <bdi>{event.because}</bdi>
          </li>
        ))}
      </ol>
    </section>
  );
}

function ReasonLine({ reason }: { reason: Finding["reasons"][number] }) {
  return (
    <li data-gap={isGap(reason) || undefined} title={reason.rule}>
      <bdi>{reason.text}</bdi>
      {reason.source || reason.date ? (
        <span className={css.origin}>
          {reason.source ? <bdi>{t.from(reason.source)}</bdi> : null}
          {reason.date ? <Moment value={reason.date} /> : null}
        </span>
      ) : null}
    </li>
  );
}

function facts(finding: Finding): Fact[] {
  const url = webAddress(finding.advisory.url);
  const vendor = t.vendorStatus[finding.vendor_status] ?? finding.vendor_status;
  const list: Fact[] = [
    {
      name: t.advisory,
      value: (
        <>
          {url ? (
            <a href={url} target="_blank" rel="noreferrer noopener">
              <bdi>{finding.advisory.id}</bdi> <Icon name="external" size={12} />
            </a>
          ) : (
            <bdi>{finding.advisory.id}</bdi>
          )}{" "}
          <bdi className={css.quiet}>{t.from(finding.advisory.source)}</bdi>
        </>
      ),
    },
    { name: t.vendor, value: finding.vendor_urgency ? `${vendor}; ${t.urgency(finding.vendor_urgency)}` : vendor },
    { name: t.exploit, value: t.maturity[finding.exploit_maturity] ?? finding.exploit_maturity },
  ];
  if (finding.epss != null && finding.epss_percentile != null) {
    const percentile = t.percentile(showProbability(finding.epss_percentile));
    list.push({ name: t.epss, value: `${showProbability(finding.epss)}, ${percentile}` });
  }
  list.push({
    name: t.places,
    value: (
      <ul className={css.places}>
        {finding.places.map((place) => (
          <li key={`${place.name} ${place.arch} ${place.path}`} title={place.path}>
            <code>
              {place.name} {place.version} {place.arch}
            </code>
          </li>
        ))}
      </ul>
    ),
  });
  if (finding.aliases.length > 0) list.push({ name: t.aliases, value: <bdi>{finding.aliases.join(", ")}</bdi> });
  return list;
}

function life(life: Wire<"Life">): Fact[] {
  const list: Fact[] = [
    { name: t.state, value: state(life) },
    { name: t.firstDetected, value: <Moment value={life.first_detected_at} /> },
    { name: t.lastSeen, value: <Moment value={life.last_seen_at} /> },
    { name: t.exposureTime, value: showDuration(life.exposure_seconds) },
  ];
  if (life.episodes.length > 1) {
    list.push({
      name: t.episodes,
      value: (
        <ol className={css.places}>
          {life.episodes.map((episode) => (
            <li key={episode.number}>
              {t.episode(episode.number)}, {t.openedBy[episode.opened_by] ?? episode.opened_by}: <Moment value={episode.detected_at} />{" "}
              {episode.ended_at ? (
                <>
                  {t.until} <Moment value={episode.ended_at} />
                </>
              ) : (
                t.ongoing
              )}
            </li>
          ))}
        </ol>
      ),
    });
  }
  return list;
}
