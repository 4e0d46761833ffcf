import { useState } from "react";

import { showDay, showDistance, showInstant, showUtc } from "../format/instant";
import { texts } from "../texts";
import { Unknown } from "./Unknown";

/** How much of an instant is shown: to the minute, its day, or how far it is. */
type Style = "minute" | "day" | "distance";

/** An instant in the reader's zone, with UTC in its title. */
export function Moment({ value, style = "minute" }: { value: string | null | undefined; style?: Style }) {
  const [now] = useState(() => new Date());
  if (value == null) return <Unknown />;
  const shown = { minute: () => showInstant(value), day: () => showDay(value), distance: () => showDistance(value, now) }[style]();
  const title = style === "minute" ? showUtc(value) : `${showInstant(value)} (${showUtc(value)})`;
  return (
    <time dateTime={value} title={title}>
      {shown}
    </time>
  );
}

/** An instant, or "never" where there was none. */
export function MomentOrNever({ value, never = texts.time.never }: { value: string | null | undefined; never?: string }) {
  return value == null ? <Unknown text={never} /> : <Moment value={value} />;
}
