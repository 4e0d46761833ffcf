import { useQuery } from "@tanstack/react-query";

import type { Wire } from "../api/client";
import { statusQuery } from "../api/queries";
import { isListed } from "../format/kev";
import { showProbability } from "../format/probability";
import css from "../pages/page.module.css";
import { texts } from "../texts";
import { Facts } from "./Facts";
import { Moment } from "./Moment";
import { Unknown } from "./Unknown";

type Detail = Wire<"VulnerabilityDetail">;

const t = texts.vulnerability;

/** What is known of exploitation: EPSS, KEV and SSVC side by side, each with its gap said aloud. */
export function Evidence({ detail }: { detail: Detail }) {
  return (
    <div className={css.cards}>
      <Epss epss={detail.epss} />
      <Kev detail={detail} />
      <Ssvc ssvc={detail.ssvc} />
    </div>
  );
}

function Epss({ epss }: { epss: Detail["epss"] }) {
  return (
    <section className={css.card}>
      <h2>
        <abbr title={texts.finding.epssTitle}>{texts.finding.epss}</abbr>
      </h2>
      {epss ? (
        <>
          <p>
            <span className={css.big}>{showProbability(epss.probability)}</span> {t.epssWithin}
          </p>
          <p className={css.quiet}>
            {texts.finding.percentile(showProbability(epss.percentile))}, {t.epssDate} <Moment value={epss.date} />
          </p>
        </>
      ) : (
        <>
          <p className={css.big}>
            <Unknown text={texts.notScored} />
          </p>
          <p className={css.quiet}>{t.epssUnknown}</p>
        </>
      )}
    </section>
  );
}

function Kev({ detail }: { detail: Detail }) {
  const { kev } = detail;
  const status = useQuery(statusQuery);
  const list = status.data?.feeds.find((feed) => feed.id === "kev");
  // `null` may mean "not listed" or "no list": a finding's verdict or a fresh feed tells them apart.
  const isNotListed = detail.findings.some((finding) => isListed(finding) === false) || list?.state === "fresh";
  return (
    <section className={css.card}>
      <h2>
        <abbr title={texts.finding.kevTitle}>{texts.finding.kev}</abbr>
      </h2>
      {kev ? (
        <>
          <p className={css.big}>{t.kevYes}</p>
          <p className={css.quiet}>
            {t.kevAdded} <Moment value={kev.added} />
            {kev.due ? (
              <>
                , {t.kevDue} <Moment value={kev.due} />
              </>
            ) : null}
          </p>
          {kev.ransomware ? <strong>{t.kevRansomware}</strong> : null}
        </>
      ) : (
        <>
          <p className={css.big}>{isNotListed ? t.kevNo : <Unknown />}</p>
          {isNotListed ? null : <p className={css.quiet}>{t.kevUnknown}</p>}
        </>
      )}
    </section>
  );
}

function Ssvc({ ssvc }: { ssvc: Detail["ssvc"] }) {
  return (
    <section className={css.card}>
      <h2>{t.ssvc}</h2>
      {ssvc ? (
        <Facts
          facts={[
            { name: t.exploitation, value: ssvc.exploitation },
            { name: t.automatable, value: ssvc.automatable ? texts.yes : texts.no },
            { name: t.impact, value: ssvc.technical_impact },
            { name: t.at, value: <Moment value={ssvc.at} /> },
          ]}
        />
      ) : (
        <>
          <p className={css.big}>
            <Unknown />
          </p>
          <p className={css.quiet}>{t.ssvcUnknown}</p>
        </>
      )}
    </section>
  );
}
