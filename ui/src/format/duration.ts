import { texts } from "../texts";

/** Writes a duration in its two largest units: `12 days 4 h`. */
export function showDuration(seconds: number): string {
  if (seconds < 60) return texts.time.underAMinute;
  const minutes = Math.floor(seconds / 60);
  const days = Math.floor(minutes / 1_440);
  const hours = Math.floor((minutes % 1_440) / 60);
  const rest = minutes % 60;
  const parts = [
    days > 0 ? texts.time.days(days) : null,
    hours > 0 ? texts.time.hours(hours) : null,
    rest > 0 && days === 0 ? texts.time.minutes(rest) : null,
  ];
  return parts.filter((part) => part !== null).join(" ");
}
