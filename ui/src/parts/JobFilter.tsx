import { Select } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";

import type { Wire } from "../api/client";
import { showKind } from "../format/job";
import { texts } from "../texts";
import css from "./Jobs.module.css";
import { Unknown } from "./Unknown";

const route = getRouteApi("/shell/jobs");
const t = texts.jobs;

/** The states that are shown apart, as the API names them. */
export const RUNNING = "leased";
export const WAITING = "ready";
export const DEAD = "dead";
export const ENDED = "done,cancelled,superseded";

/** States with their counts, each a switch that narrows the page to it, and the kinds. Both are kept in the address. */
export function JobFilter({ overview }: { overview: Wire<"JobOverview"> | undefined }) {
  const { state: chosen, kind } = route.useSearch();
  const navigate = route.useNavigate();
  const apply = (search: { state?: string; kind?: string }) => void navigate({ search, replace: true, resetScroll: false });
  const choose = (state: string) => apply({ state: chosen === state ? "" : state, kind: kind ?? "" });
  const states = [
    { state: RUNNING, name: t.running, count: overview?.running_count },
    { state: WAITING, name: t.waiting, count: overview?.waiting_count },
    { state: DEAD, name: t.dead, count: overview?.dead_count },
  ];
  const kinds = Object.keys(t.kinds);
  return (
    <>
      <div className={css.states} role="group" aria-label={t.states_label}>
        {states.map(({ state, name, count }) => (
          <button
            key={state}
            type="button"
            className={css.state}
            data-bad={(state === DEAD && count) || undefined}
            aria-pressed={chosen === state}
            onClick={() => choose(state)}
          >
            <span className={css.name}>{name}</span>
            {count == null ? (
              <span className={css.unread}>
                <Unknown />
              </span>
            ) : (
              <span className={css.count}>{texts.count(count)}</span>
            )}
          </button>
        ))}
        <button type="button" className={css.state} aria-pressed={chosen === ENDED} onClick={() => choose(ENDED)}>
          <span className={css.name}>{t.endedLately}</span>
          <span className={css.kept}>{t.endedKept}</span>
        </button>
      </div>
      <Select
        className={css.kinds}
        aria-label={t.kind}
        placeholder={t.allKinds}
        data={(kind && !kinds.includes(kind) ? [...kinds, kind] : kinds).map((value) => ({ value, label: showKind(value) }))}
        value={kind ?? null}
        onChange={(value) => apply({ state: chosen ?? "", kind: value ?? "" })}
        clearable
      />
    </>
  );
}
