import { parseInstant } from "./instant";

/** How near a due date is, in the reader's calendar days. */
export interface Due {
  kind: "overdue" | "today" | "soon" | "later";
  days: number;
}

const SOON_DAYS = 3;

/** Compares a due date with today. `null`: the date cannot be read. */
export function due(value: string, now: Date): Due | null {
  const date = parseInstant(value);
  if (!date) return null;
  const days = Math.round((midnight(date) - midnight(now)) / 86_400_000);
  if (days < 0) return { kind: "overdue", days: -days };
  if (days === 0) return { kind: "today", days };
  return { kind: days <= SOON_DAYS ? "soon" : "later", days };
}

function midnight(date: Date): number {
  // In UTC, so that a change of clocks makes no day shorter.
  return Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
}
