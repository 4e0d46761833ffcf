import type { ReactNode } from "react";

import css from "./Table.module.css";

/** One row: its cells in the order of the head. */
export interface Row {
  key: string;
  cells: ReactNode[];
}

/**
 * A plain table.
 *
 * Narrow pages lay a row out as a card; the roles are spelled out because that takes them from the elements.
 */
export function Table({ caption, head, rows }: { caption: string; head: readonly string[]; rows: readonly Row[] }) {
  return (
    <table className={css.table} role="table">
      <caption className="visually-hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {head.map((title) => (
            <th key={title} scope="col" role="columnheader">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={row.key} role="row">
            {row.cells.map((cell, index) => (
              <td key={head[index]} role="cell" data-label={head[index]}>
                <div>{cell}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
