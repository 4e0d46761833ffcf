import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { answer, client, type Wire } from "./client";

/** Which findings the queue shows. */
export interface Filter {
  tier?: string;
  asset?: string;
  text?: string;
  /** In the language of filters, as a saved view has it. */
  filter?: string;
  sort?: string;
}

const PAGE_ROWS = 50;
const ASSET_PAGE_ROWS = 500;
const STATUS_EVERY_MS = 60_000;

/** The installation's state, asked again while a page is open. */
export const statusQuery = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/status", { signal })),
  refetchInterval: STATUS_EVERY_MS,
});

/** Who is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/session", { signal })),
});

/** The queue, best first, by keyset pages. */
export const findingsQuery = (filter: Filter) =>
  infiniteQueryOptions({
    queryKey: ["findings", filter],
    queryFn: ({ pageParam, signal }) =>
      answer(
        client.GET("/api/v1/priorities", {
          params: { query: { ...filter, limit: PAGE_ROWS, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
  });

/** Every asset, by name: read page by page, since filters and names of a filter need them all. */
export const assetsQuery = queryOptions({
  queryKey: ["assets"],
  queryFn: async ({ signal }) => {
    const assets: Wire<"Asset">[] = [];
    let cursor: string | null = null;
    do {
      const query: { limit: number; cursor?: string } = { limit: ASSET_PAGE_ROWS, ...(cursor ? { cursor } : {}) };
      const page: Wire<"AssetPage"> = await answer(client.GET("/api/v1/assets", { params: { query }, signal }));
      assets.push(...page.assets);
      cursor = page.next_cursor ?? null;
    } while (cursor);
    return assets;
  },
});

/** The views that this reader may use. */
export const viewsQuery = queryOptions({
  queryKey: ["views"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/views", { signal })),
});

export const assetQuery = (id: string) =>
  queryOptions({
    queryKey: ["asset", id],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/assets/{id}", { params: { path: { id } }, signal })),
  });

export const findingQuery = (id: string) =>
  queryOptions({
    queryKey: ["finding", id],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/findings/{id}", { params: { path: { id } }, signal })),
  });

export const vulnerabilityQuery = (id: string) =>
  queryOptions({
    queryKey: ["vulnerability", id],
    queryFn: ({ signal }) => answer(client.GET("/api/v1/vulnerabilities/{id}", { params: { path: { id } }, signal })),
  });
