import type { Wire } from "../api/client";
import { texts } from "../texts";
import { showDuration } from "./duration";
import { parseInstant } from "./instant";

type Job = Wire<"Job">;

const t = texts.jobs;

/** How far a job is: a share where the total is known, a number where only that is, or nothing that could be shown as zero. */
export type Far = { kind: "share"; done: number; total: number } | { kind: "count"; done: number } | { kind: "unknown" };

/** Reads how far a running job is. A total that was overtaken is no total. */
export function far({ done, total }: Job["progress"]): Far {
  if (total != null && total > 0 && done <= total) return { kind: "share", done, total };
  return done > 0 ? { kind: "count", done } : { kind: "unknown" };
}

/** Writes how far a job is in words. */
export function showFar(is: Far): string {
  if (is.kind === "share") return t.share(is.done, is.total);
  return is.kind === "count" ? t.soFar(is.done) : t.farUnknown;
}

/** Writes how long it was from one instant to another. `null`: one of them cannot be read, or the order is wrong. */
export function showBetween(from: string | null | undefined, to: string | null | undefined): string | null {
  const [start, end] = [from ? parseInstant(from) : null, to ? parseInstant(to) : null];
  if (!start || !end) return null;
  const seconds = Math.floor((end.getTime() - start.getTime()) / 1000);
  return seconds < 0 ? null : showDuration(seconds);
}

/** Writes how often a job was tried, out of how many times. A running one is at its last attempt so far. */
export function showAttempts(job: Pick<Job, "state" | "attempts" | "attempts_max">): string {
  if (job.attempts === 0) return t.notTried;
  return t.attempts(job.attempts, job.attempts_max);
}

/** What a job does, in words; a kind that this page does not know keeps its own. */
export function showKind(kind: string): string {
  return t.kinds[kind] ?? kind;
}

/** Names a job to those who hear the page: what it does and to what. */
export function showJob(job: Pick<Job, "kind" | "asset">): string {
  return job.asset ? `${showKind(job.kind)}: ${job.asset.name}` : showKind(job.kind);
}

/** What a person may do to a job. */
export type Act = "cancel" | "dismiss" | "retry";

export function actsOn(job: Pick<Job, "state" | "cancel_asked_at">): Act[] {
  switch (job.state) {
    case "ready":
      return ["cancel"];
    case "leased":
      return job.cancel_asked_at == null ? ["cancel"] : [];
    case "dead":
      return ["retry", "dismiss"];
    case "cancelled":
      return ["retry"];
    default:
      return [];
  }
}

/** Tells whether a person has to be asked first: what it does cannot be taken back whole. */
export function needsAsking(act: Act, job: Pick<Job, "state">): boolean {
  return act === "dismiss" || (act === "cancel" && job.state === "leased");
}
