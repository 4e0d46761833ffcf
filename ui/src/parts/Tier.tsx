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

/** Active findings by tier in one line. `null`: nobody knows, which is not zero. */
export function TierLine({ counts }: { counts: Record<string, number> | null | undefined }) {
  if (!counts) return <span className={css.noCounts}>{texts.unknown}</span>;
  return (
    <span className={css.line}>
      {TIERS.map((tier) => {
        const n = counts[tier.toLowerCase()];
        return (
          <span
            key={tier}
            className={css.pair}
            data-tier={tier}
            data-zero={n === 0 || undefined}
            title={n === undefined ? texts.tier.unknownOf(tier) : texts.tier.countOf(n, tier)}
          >
            <span className={css.key}>{tier}</span> {n === undefined ? "?" : texts.count(n)}
          </span>
        );
      })}
    </span>
  );
}
