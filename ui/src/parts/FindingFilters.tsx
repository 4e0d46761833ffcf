import { Button, CloseButton, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { assetsQuery } from "../api/queries";
import { texts } from "../texts";
import css from "./FindingFilters.module.css";
import { Icon } from "./Icon";

const route = getRouteApi("/shell/");
const t = texts.priorities;
const TYPING_MS = 300;

/** Text and asset filters of the queue, kept in the address. */
export function FindingFilters() {
  const { text = "", asset, tier, filter, sort } = route.useSearch();
  const navigate = route.useNavigate();
  const assets = useQuery(assetsQuery);
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);

  const apply = (change: { text?: string; asset?: string }) =>
    void navigate({ search: (was) => ({ ...was, ...change }), replace: true, resetScroll: false });
  const applyText = useDebouncedCallback((value: string) => apply({ text: value.trim() }), TYPING_MS);
  const type = (value: string) => {
    setTyped(value);
    applyText(value);
  };

  return (
    <div className={css.filters} role="search" aria-label={t.filters}>
      <TextInput
        className={css.text}
        aria-label={t.search}
        placeholder={t.search}
        value={typed}
        maxLength={200}
        leftSection={<Icon name="search" />}
        rightSection={typed ? <CloseButton size="sm" aria-label={t.clearSearch} onClick={() => type("")} /> : null}
        onChange={(event) => type(event.currentTarget.value)}
      />
      <Select
        className={css.asset}
        aria-label={t.assetFilter}
        placeholder={t.allAssets}
        data={(assets.data ?? []).map(({ id, name }) => ({ value: id, label: name }))}
        value={asset ?? null}
        onChange={(value) => apply({ asset: value ?? "" })}
        limit={100}
        searchable
        clearable
      />
      {text || asset || tier || filter || sort ? (
        <Button variant="subtle" onClick={() => void navigate({ search: {}, replace: true, resetScroll: false })}>
          {t.clear}
        </Button>
      ) : null}
    </div>
  );
}
