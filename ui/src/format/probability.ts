/** A space that never breaks a line. */
const NARROW = "\u202f";

/** Writes a probability from 0 to 1 as a percentage. What is tiny or nearly certain never rounds to nothing or to all. */
export function showProbability(probability: number): string {
  const percent = probability * 100;
  if (percent > 0 && percent < 0.1) return `<${NARROW}0.1${NARROW}%`;
  if (percent > 99.9 && percent < 100) return `>${NARROW}99.9${NARROW}%`;
  return `${percent.toFixed(1)}${NARROW}%`;
}
