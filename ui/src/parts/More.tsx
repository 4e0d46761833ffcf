import { Button } from "@mantine/core";
import type { UseInfiniteQueryResult } from "@tanstack/react-query";

import css from "./More.module.css";

/** Asks for the next page of a list, as long as there is one. */
export function More({ pages, label }: { pages: UseInfiniteQueryResult; label: string }) {
  if (!pages.hasNextPage) return null;
  return (
    <div className={css.more}>
      <Button variant="default" loading={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
        {label}
      </Button>
    </div>
  );
}
