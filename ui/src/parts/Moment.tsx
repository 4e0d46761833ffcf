import { useState } from "react";

import { showDistance, showInstant, showUtc } from "../format/instant";
import { texts } from "../texts";
import { Unknown } from "./Unknown";

/** An instant in the reader's zone, with UTC in its title. */
export function Moment({ value, distance = false }: { value: string | null | undefined; distance?: boolean }) {
  const [now] = useState(() => new Date());
  if (value == null) return <Unknown />;
  const shown = distance ? showDistance(value, now) : showInstant(value);
  const title = distance ? `${showInstant(value)} (${showUtc(value)})` : showUtc(value);
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
