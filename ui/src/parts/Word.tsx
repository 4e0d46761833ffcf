/** A name, version or address of up to this many characters stays on one line. */
const SHORT = 22;

/** A word from outside, kept apart from the text around it: short ones stay whole, long ones break anywhere. */
export function Word({ text, className }: { text: string; className?: string | undefined }) {
  return (
    <bdi className={className} data-short={text.length <= SHORT || undefined}>
      {text}
    </bdi>
  );
}
