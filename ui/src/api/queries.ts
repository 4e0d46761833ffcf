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
/** How often the queue is looked at while something runs, and while nothing does. */
const RUNNING_EVERY_MS = 2_000;
const IDLE_EVERY_MS = 10_000;
const NODES_EVERY_MS = 30_000;

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

/** The queue at a glance, followed while the page is open. */
export const jobOverviewQuery = (kind: string | undefined) =>
  queryOptions({
    queryKey: ["jobs", "overview", kind ?? ""],
    queryFn: ({ signal }) =>
      answer(client.GET("/api/v1/jobs/overview", { params: { query: kind ? { kind } : {} }, signal })),
    refetchInterval: ({ state }) => (state.data && state.data.running_count > 0 ? RUNNING_EVERY_MS : IDLE_EVERY_MS),
  });

/** Jobs of some states, the newest first, by keyset pages. The more of them are open, the less often all are read again. */
export const jobsQuery = (filter: { state: string; kind?: string }) =>
  infiniteQueryOptions({
    queryKey: ["jobs", filter],
    queryFn: ({ pageParam, signal }) =>
      answer(
        client.GET("/api/v1/jobs", {
          params: { query: { ...filter, limit: PAGE_ROWS, ...(pageParam ? { cursor: pageParam } : {}) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor ?? null,
    refetchInterval: ({ state: { data } }) => {
      const runs = data?.pages.some((page) => page.jobs.some((job) => job.state === "leased"));
      return (data?.pages.length ?? 1) * (runs ? RUNNING_EVERY_MS : IDLE_EVERY_MS);
    },
  });

/** Every scanner node, also those that were removed. */
export const nodesQuery = queryOptions({
  queryKey: ["nodes"],
  queryFn: ({ signal }) => answer(client.GET("/api/v1/nodes", { signal })),
  refetchInterval: NODES_EVERY_MS,
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
