import type { ReactNode } from "react";

import css from "./Table.module.css";

/** One row: its cells in the order of the head. */
export interface Row {
  key: string;
  cells: ReactNode[];
}

/** A plain table that scrolls sideways on its own where the page is narrow. */
export function Table({ caption, head, rows }: { caption: string; head: readonly string[]; rows: readonly Row[] }) {
  return (
    <div className={css.frame} tabIndex={0} role="region" aria-label={caption}>
      <table className={css.table}>
        <caption className="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {head.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.key}>
              {row.cells.map((cell, index) => (
                <td key={head[index]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
