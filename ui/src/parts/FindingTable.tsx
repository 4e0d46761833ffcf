import { memo, useCallback, useId, useState, type MouseEvent } from "react";

import type { Wire } from "../api/client";
import { texts } from "../texts";
import type { Column } from "./FindingColumns";
import { FindingReasons } from "./FindingReasons";
import css from "./FindingTable.module.css";
import { Icon } from "./Icon";

type Finding = Wire<"Finding">;

interface Props {
  caption: string;
  columns: readonly Column[];
  findings: readonly Finding[];
}

/**
 * Findings, each with its reasons one key away.
 *
 * Narrow pages lay a row out as a card; the roles are spelled out because that takes them from the elements.
 */
export function FindingTable({ caption, columns, findings }: Props) {
  return (
    <div className={css.frame}>
      <table className={css.table} role="table">
        <caption className="visually-hidden">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader" className={css.toggleHead}>
              <span className="visually-hidden">{texts.finding.open}</span>
            </th>
            {columns.map((column) => (
              <th key={column.name} scope="col" role="columnheader" title={column.hint} data-numeric={column.numeric}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {findings.map((finding) => (
            <FindingRow key={keyOf(finding)} finding={finding} columns={columns} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const FindingRow = memo(function FindingRow({ finding, columns }: { finding: Finding; columns: readonly Column[] }) {
  const [open, setOpen] = useState(false);
  const reasons = useId();
  const label = texts.finding.reasonsOf(finding.vulnerability, finding.asset?.name ?? null);
  const onRowClick = useCallback((event: MouseEvent<HTMLTableRowElement>) => {
    const target = event.target as Element;
    if (target.closest("a, button") || !window.getSelection()?.isCollapsed) return;
    setOpen((was) => !was);
  }, []);
  return (
    <>
      <tr role="row" className={css.row} data-open={open || undefined} onClick={onRowClick}>
        <td role="cell" className={css.toggleCell}>
          <button
            type="button"
            className={css.toggle}
            aria-expanded={open}
            aria-controls={open ? reasons : undefined}
            aria-label={label}
            onClick={() => setOpen(!open)}
          >
            <Icon name="chevron" />
          </button>
        </td>
        {columns.map((column) => (
          <td key={column.name} role="cell" data-column={column.name} data-label={column.title} data-numeric={column.numeric}>
            {column.cell(finding)}
          </td>
        ))}
      </tr>
      {open ? (
        <tr role="row" className={css.reasons} id={reasons}>
          <td role="cell" colSpan={columns.length + 1}>
            <FindingReasons finding={finding} />
          </td>
        </tr>
      ) : null}
    </>
  );
});

function keyOf(finding: Finding): string {
  return finding.id ?? `${finding.asset?.id ?? ""} ${finding.component.name} ${finding.vulnerability}`;
}
