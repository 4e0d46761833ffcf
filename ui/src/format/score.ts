/** How bad a score is in its version's words, for text and colour. */
export type Severity = "none" | "low" | "medium" | "high" | "critical";

/** Writes a CVSS score with its one decimal. */
export function showScore(score: number): string {
  return score.toFixed(1);
}

/** Finds the qualitative severity. CVSS 2.0 knows neither "none" nor "critical". */
export function severity(score: number, version: string): Severity {
  if (version.startsWith("2")) {
    if (score >= 7) return "high";
    return score >= 4 ? "medium" : "low";
  }
  if (score >= 9) return "critical";
  if (score >= 7) return "high";
  if (score >= 4) return "medium";
  return score > 0 ? "low" : "none";
}
