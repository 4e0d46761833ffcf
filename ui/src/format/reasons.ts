import type { Wire } from "../api/client";

type Reason = Wire<"Reason">;

/** What a reason is about. */
export type Topic = "tier" | "exploitation" | "score" | "exposure" | "vendor" | "other";

/** The reasons of one topic, in the order the policy gave them. */
export interface Group {
  topic: Topic;
  reasons: Reason[];
}

const ORDER: readonly Topic[] = ["tier", "exploitation", "score", "exposure", "vendor", "other"];

const TOPICS: Readonly<Record<string, Topic>> = {
  tier: "tier",
  bod_26_04: "tier",
  kev: "exploitation",
  epss: "exploitation",
  maturity: "exploitation",
  ssvc: "exploitation",
  cvss: "score",
  mav: "score",
  exposure: "exposure",
  vendor: "vendor",
  vulnerability: "vendor",
};

/** Groups reasons by topic, the decision first. A rule that is not known yet is kept under "other". */
export function groupReasons(reasons: readonly Reason[]): Group[] {
  const groups = new Map<Topic, Reason[]>();
  for (const reason of reasons) {
    const topic = TOPICS[reason.rule.split(".")[0] ?? ""] ?? "other";
    groups.set(topic, [...(groups.get(topic) ?? []), reason]);
  }
  return ORDER.flatMap((topic) => {
    const found = groups.get(topic);
    return found ? [{ topic, reasons: topic === "tier" ? found.toReversed() : found }] : [];
  });
}

/** Tells a reason that states a gap in what is known. */
export function isGap(reason: Reason): boolean {
  return /\.(unknown|missing|unscored|invalid)$/.test(reason.rule);
}
