import type { ReactNode } from "react";

import css from "./Facts.module.css";

/** A name and what is known under it. */
export interface Fact {
  name: string;
  value: ReactNode;
}

/** Names and values, side by side. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl className={css.facts}>
      {facts.map((fact) => (
        <div key={fact.name}>
          <dt>{fact.name}</dt>
          <dd>{fact.value}</dd>
        </div>
      ))}
    </dl>
  );
}
