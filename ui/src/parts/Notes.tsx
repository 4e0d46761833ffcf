import css from "./Notes.module.css";

/** What a list cannot show, in the server's words, beside the list. */
export function Notes({ title, notes }: { title: string; notes: readonly string[] }) {
  if (notes.length === 0) return null;
  return (
    <aside className={css.notes} aria-label={title}>
      <strong>{title}</strong>
      <ul>
        {notes.map((note) => (
          <li key={note}>
            <bdi>{note}</bdi>
          </li>
        ))}
      </ul>
    </aside>
  );
}
