import type { Wire } from "../api/client";

const UNKNOWN_RULES = ["kev.unknown", "kev.missing"];

/** Tells whether CISA lists the flaw as exploited. `null`: the list is missing, or too old or too small to say "no". */
export function isListed(finding: Pick<Wire<"Finding">, "kev" | "reasons">): boolean | null {
  if (finding.kev == null) return null;
  const isUnknown = finding.reasons.some((reason) => UNKNOWN_RULES.includes(reason.rule));
  return !finding.kev && isUnknown ? null : finding.kev;
}
