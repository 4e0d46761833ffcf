import { texts } from "../texts";
import css from "./Unknown.module.css";

/** Words of up to this many characters stay on one line. */
const SHORT = 16;

/** The mark of what nobody knows: it looks like no value at all, and never like a good one. */
export function Unknown({ text = texts.unknown, why }: { text?: string; why?: string }) {
  return (
    <span className={css.unknown} title={why} data-short={text.length <= SHORT || undefined}>
      {text}
    </span>
  );
}
