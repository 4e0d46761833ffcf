import type { Wire } from "../api/client";
import { texts } from "../texts";
import css from "./Flags.module.css";

/** What is out of the ordinary in a finding's life: reopened, failed fixes, restart needed, lost sight. */
export function Flags({ finding }: { finding: Wire<"Finding"> }) {
  const flags = flagsOf(finding.life);
  if (flags.length === 0) return null;
  return (
    <ul className={css.flags}>
      {flags.map((flag) => (
        <li key={flag}>{flag}</li>
      ))}
    </ul>
  );
}

function flagsOf(life: Wire<"Life"> | null | undefined): string[] {
  if (!life) return [];
  const t = texts.finding;
  const flags: string[] = [];
  if (life.episodes.length > 1) flags.push(t.reopened(life.episodes.length - 1));
  if (life.failed_fixes > 0) flags.push(t.failedFixes(life.failed_fixes));
  if (life.detection === "pending" && life.cause != null) flags.push(t.cause[life.cause] ?? life.cause);
  if (life.detection === "stale") flags.push(t.staleDetail);
  return flags;
}
