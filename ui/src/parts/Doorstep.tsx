import type { ReactNode } from "react";

import { texts } from "../texts";
import css from "./Doorstep.module.css";
import { PageTitle } from "./PageTitle";

/** The frame of the pages before signing in. */
export function Doorstep({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  return (
    <main className={css.door}>
      <div className={css.card}>
        <div className={css.brand}>
          <img src="/vigie.svg" alt="" width={36} height={36} />
          <span>{texts.product}</span>
        </div>
        <div>
          <PageTitle title={title} />
          <p className={css.lead}>{lead}</p>
        </div>
        {children}
      </div>
    </main>
  );
}
