import { texts } from "../texts";
import css from "./Tier.module.css";

/** The tiers, best first. */
export const TIERS = ["P0", "P1", "P2", "P3", "P4"] as const;

/** A priority: its letter and number, with its meaning in words for those who want it. */
export function Tier({ tier, named = false }: { tier: string; named?: boolean }) {
  const name = texts.tier.names[tier] ?? "";
  return (
    <span className={css.tier} data-tier={tier} title={texts.tier.badge(tier, name)}>
      {tier}
      {named && name ? <span className={css.name}>{name}</span> : null}
    </span>
  );
}

/** Active findings by tier in one line. `null`: nobody knows. A zero is shown as one only where nothing is undecided. */
export function TierLine({ counts, undecided }: { counts: Record<string, number> | null | undefined; undecided: number | null | undefined }) {
  if (!counts) return <span className={css.noCounts}>{texts.unknown}</span>;
  return (
    <span className={css.line}>
      {TIERS.map((tier) => {
        const n = counts[tier.toLowerCase()];
        const isSure = n !== undefined && (n > 0 || undecided === 0);
        return (
          <span
            key={tier}
            className={css.pair}
            data-tier={tier}
            data-zero={!n || undefined}
            title={isSure ? texts.tier.countOf(n, tier) : texts.tier.noneKnownOf(tier)}
          >
            <span className={css.key}>{tier}</span> {isSure ? texts.count(n) : "?"}
          </span>
        );
      })}
    </span>
  );
}
