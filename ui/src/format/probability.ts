/** Writes a probability from 0 to 1 as a percentage. What is tiny or nearly certain never rounds to nothing or to all. */
export function showProbability(probability: number): string {
  const percent = probability * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  if (percent > 99.9 && percent < 100) return "> 99.9 %";
  return `${percent.toFixed(1)} %`;
}
