import { useId, type ReactNode } from "react";

import css from "../pages/page.module.css";

/** A part of a page under its own heading. */
export function Section(props: { id?: string; title: string; lead?: string; children?: ReactNode }) {
  const heading = useId();
  return (
    <section id={props.id} className={css.section} aria-labelledby={heading}>
      <header>
        <h2 id={heading}>{props.title}</h2>
        {props.lead ? <p>{props.lead}</p> : null}
      </header>
      {props.children}
    </section>
  );
}
