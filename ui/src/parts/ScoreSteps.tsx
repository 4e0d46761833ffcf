import type { Wire } from "../api/client";
import { severity, showScore } from "../format/score";
import { texts } from "../texts";
import css from "./ScoreSteps.module.css";

const STEPS = ["b", "bt", "be", "bte"] as const;

/** How the contextual score came to be: the base score, what each input alone makes of it, and both together. */
export function ScoreSteps({ cvss }: { cvss: Wire<"Cvss"> | null | undefined }) {
  const t = texts.score;
  if (!cvss) {
    return (
      <section>
        <h3>{t.title}</h3>
        <p>
          <strong>{t.unscored}.</strong> {t.unscoredDetail}
        </p>
      </section>
    );
  }
  return (
    <section>
      <h3>{t.title}</h3>
      <ol className={css.steps}>
        {STEPS.map((step) => {
          const score = cvss[step];
          const level = severity(score, cvss.version);
          return (
            <li key={step} data-final={step === "bte" || undefined}>
              <abbr className={css.letters} title={t[step]}>
                {t.letters[step]}
              </abbr>
              <span className={css.bar} aria-hidden="true">
                <span style={{ width: `${score * 10}%` }} />
              </span>
              <strong>{showScore(score)}</strong>
              <span className={css.words}>
                {texts.finding.severity[level]}, {t[step].toLowerCase()}
              </span>
            </li>
          );
        })}
      </ol>
      <p className={css.vector}>
        <code>{cvss.vector}</code> <bdi>{t.by(cvss.source)}</bdi>
      </p>
    </section>
  );
}
