import { getRouteApi } from "@tanstack/react-router";

import type { Wire } from "../api/client";
import { texts } from "../texts";
import { Tier, TIERS } from "./Tier";
import css from "./TierFilter.module.css";

const route = getRouteApi("/shell/");

/** The totals by tier, each a switch that narrows the queue to it. `null` counts: nobody knows. */
export function TierFilter({ counts }: { counts: Wire<"TierCounts"> | null | undefined }) {
  const { tier: chosen, ...rest } = route.useSearch();
  const navigate = route.useNavigate();
  const choose = (tier: string) =>
    void navigate({ search: chosen === tier ? rest : { ...rest, tier }, replace: true, resetScroll: false });
  return (
    <div className={css.tiers} role="group" aria-label={texts.tier.counts}>
      {TIERS.map((tier) => {
        const n = counts?.[tier.toLowerCase() as keyof Wire<"TierCounts">];
        return (
          <button
            key={tier}
            type="button"
            className={css.tier}
            aria-pressed={chosen === tier}
            title={n == null ? texts.tier.unknownOf(tier) : texts.tier.countOf(n, tier)}
            onClick={() => choose(tier)}
          >
            <Tier tier={tier} />
            <span className={css.name}>{texts.tier.names[tier]}</span>
            <span className={n == null ? css.unknown : css.count}>{n == null ? texts.unknown : texts.count(n)}</span>
          </button>
        );
      })}
    </div>
  );
}
