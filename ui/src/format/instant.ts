import { texts } from "../texts";

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATE: Intl.DateTimeFormatOptions = { day: "numeric", month: "short", year: "numeric" };
const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };

/** Reads an RFC 3339 instant, or a day as the reader's midnight. `null`: it is neither. */
export function parseInstant(value: string): Date | null {
  const day = DAY.exec(value);
  const date = day ? new Date(Number(day[1]), Number(day[2]) - 1, Number(day[3])) : new Date(value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** Tells a day without a clock time from an instant. */
export function isDay(value: string): boolean {
  return DAY.test(value);
}

/** Writes an instant in the reader's zone, or a day as it is. What is neither is shown unchanged. */
export function showInstant(value: string, zone?: string): string {
  const date = parseInstant(value);
  if (!date) return value;
  if (isDay(value)) return showDay(value);
  const format = new Intl.DateTimeFormat(texts.locale, { ...DATE, ...CLOCK, ...(zone ? { timeZone: zone } : {}) });
  return format.format(date);
}

/** Writes the day of an instant in the reader's zone. */
export function showDay(value: string, zone?: string): string {
  const date = parseInstant(value);
  if (!date) return value;
  const format = new Intl.DateTimeFormat(texts.locale, { ...DATE, ...(zone && !isDay(value) ? { timeZone: zone } : {}) });
  return format.format(date);
}

/** Writes an instant in UTC to the second, for a title. */
export function showUtc(value: string): string {
  const date = parseInstant(value);
  if (!date || isDay(value)) return value;
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Writes how long ago or ahead an instant is, in its largest unit. */
export function showDistance(value: string, now: Date): string {
  const date = parseInstant(value);
  if (!date) return value;
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000);
  const format = new Intl.RelativeTimeFormat(texts.locale, { numeric: "auto" });
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
  }
  return texts.time.now;
}
