import { Button, Checkbox, Select, TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import { answer, client } from "../api/client";
import { viewsQuery } from "../api/queries";
import { filterText } from "../format/filter";
import { texts } from "../texts";
import css from "./FindingFilters.module.css";

const route = getRouteApi("/shell/");
const t = texts.priorities;

/** Filters and orders under names: one is chosen, or what the queue shows now becomes one. */
export function SavedViews() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const views = useQuery(viewsQuery);
  const queries = useQueryClient();
  const [name, setName] = useState<string | null>(null);
  const [shared, setShared] = useState(false);
  const usable = (views.data ?? []).filter((view) => !view.error);
  const chosen = usable.find((view) => view.filter === search.filter && view.sort === (search.sort ?? view.sort));
  const choose = (id: string | null) => {
    const view = usable.find((view) => view.id === id);
    void navigate({ search: view ? { filter: view.filter, sort: view.sort } : {}, replace: true, resetScroll: false });
  };
  const save = useMutation({
    mutationFn: (name: string) =>
      answer(client.POST("/api/v1/views", { body: { name, filter: filterText(search), sort: search.sort ?? "", shared } })),
    onSuccess: async (view) => {
      setName(null);
      await queries.invalidateQueries({ queryKey: viewsQuery.queryKey });
      void navigate({ search: { filter: view.filter, sort: view.sort }, replace: true, resetScroll: false });
    },
  });
  return (
    <div className={css.filters} role="group" aria-label={t.view}>
      <Select
        className={css.asset}
        aria-label={t.view}
        placeholder={t.noView}
        data={usable.map(({ id, name, owner, shared }) => ({ value: id, label: shared ? `${name} (${owner})` : name }))}
        value={chosen?.id ?? null}
        onChange={choose}
        clearable
      />
      {name === null ? (
        <Button variant="subtle" onClick={() => setName("")}>
          {t.saveView}
        </Button>
      ) : (
        <>
          <TextInput
            className={css.asset}
            aria-label={t.viewName}
            placeholder={t.viewName}
            value={name}
            maxLength={200}
            error={save.error?.message}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Checkbox label={t.viewShared} checked={shared} onChange={(event) => setShared(event.currentTarget.checked)} />
          <Button loading={save.isPending} disabled={name.trim() === ""} onClick={() => save.mutate(name)}>
            {t.saveViewNow}
          </Button>
        </>
      )}
    </div>
  );
}
