import type { Wire } from "../api/client";

type Unknown = Wire<"Unknown">;

/** Undecided things of one kind with one reason. */
export interface UndecidedGroup {
  kind: Unknown["kind"];
  reason: string;
  things: Pick<Unknown, "subject" | "vulnerability">[];
}

/** Groups what is undecided by kind and reason, in the order given: a hundred packages may share one sentence. */
export function groupUndecided(undecided: readonly Unknown[]): UndecidedGroup[] {
  const groups = new Map<string, UndecidedGroup>();
  for (const { kind, reason, subject, vulnerability } of undecided) {
    const key = `${kind} ${reason}`;
    const group = groups.get(key) ?? { kind, reason, things: [] };
    group.things.push({ subject, vulnerability: vulnerability ?? null });
    groups.set(key, group);
  }
  return [...groups.values()];
}
