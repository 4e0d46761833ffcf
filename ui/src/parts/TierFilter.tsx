import { getRouteApi } from "@tanstack/react-router";

import type { Wire } from "../api/client";
import { mayMissFindings } from "../format/gaps";
import { texts } from "../texts";
import { Tier, TIERS } from "./Tier";
import css from "./TierFilter.module.css";

const route = getRouteApi("/shell/");

/** The totals by tier, each a switch that narrows the queue to it. Nothing found is no zero while findings may be missing. */
export function TierFilter({ status }: { status: Wire<"Status"> | undefined }) {
  const { tier: chosen, ...rest } = route.useSearch();
  const navigate = route.useNavigate();
  const choose = (tier: string) =>
    void navigate({ search: chosen === tier ? rest : { ...rest, tier }, replace: true, resetScroll: false });
  return (
    <div className={css.tiers} role="group" aria-label={texts.tier.counts}>
      {TIERS.map((tier) => {
        const n = status?.counts?.[tier.toLowerCase() as keyof Wire<"TierCounts">];
        const total = totalOf(tier, n, !status || mayMissFindings(status));
        return (
          <button
            key={tier}
            type="button"
            className={css.tier}
            aria-pressed={chosen === tier}
            title={total.title}
            onClick={() => choose(tier)}
          >
            <Tier tier={tier} />
            <span className={css.name}>{texts.tier.names[tier]}</span>
            <span className={total.known ? css.count : css.unknown}>{total.text}</span>
          </button>
        );
      })}
    </div>
  );
}

function totalOf(tier: string, n: number | undefined, mayMiss: boolean): { known: boolean; text: string; title: string } {
  const t = texts.tier;
  if (n == null) return { known: false, text: texts.unknown, title: t.unknownOf(tier) };
  if (n === 0 && mayMiss) return { known: false, text: t.noneKnown, title: t.noneKnownOf(tier) };
  return { known: true, text: texts.count(n), title: t.countOf(n, tier) };
}
