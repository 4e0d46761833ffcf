import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";

import { assetQuery, assetsQuery, findingsQuery, jobOverviewQuery, nodesQuery, sessionQuery, statusQuery, vulnerabilityQuery } from "./api/queries";
import { BrokenPage, NotFound } from "./parts/States";
import { Shell } from "./parts/Shell";

/** What the address of the priorities carries. */
export interface PrioritiesSearch {
  tier?: string;
  asset?: string;
  text?: string;
  /** As a saved view has it. */
  filter?: string;
  sort?: string;
}

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({ notFoundComponent: NotFound });

/** What the address of the jobs carries. */
export interface JobsSearch {
  /** One or more states as the API names them, with commas. */
  state?: string;
  kind?: string;
}

// Loaders only start the requests: a page draws its own waiting and its own failures.
const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  component: Shell,
  loader: ({ context }) => {
    void context.queryClient.prefetchQuery(statusQuery);
    void context.queryClient.prefetchQuery(sessionQuery);
  },
});

const priorities = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: (search): PrioritiesSearch => texts(search, ["tier", "asset", "text", "filter", "sort"]),
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => void context.queryClient.prefetchInfiniteQuery(findingsQuery(deps)),
  component: lazyRouteComponent(() => import("./pages/Priorities"), "Priorities"),
});

const assets = createRoute({
  getParentRoute: () => shell,
  path: "/assets",
  validateSearch: (search): { text?: string } => texts(search, ["text"]),
  loader: ({ context }) => void context.queryClient.prefetchQuery(assetsQuery),
  component: lazyRouteComponent(() => import("./pages/Assets"), "Assets"),
});

const asset = createRoute({
  getParentRoute: () => shell,
  path: "/assets/$id",
  loader: ({ context, params }) => void context.queryClient.prefetchQuery(assetQuery(params.id)),
  component: lazyRouteComponent(() => import("./pages/Asset"), "Asset"),
});

const vulnerability = createRoute({
  getParentRoute: () => shell,
  path: "/vulnerabilities/$id",
  loader: ({ context, params }) => void context.queryClient.prefetchQuery(vulnerabilityQuery(params.id)),
  component: lazyRouteComponent(() => import("./pages/Vulnerability"), "Vulnerability"),
});

const jobs = createRoute({
  getParentRoute: () => shell,
  path: "/jobs",
  validateSearch: (search): JobsSearch => texts(search, ["state", "kind"]),
  loaderDeps: ({ search: { kind } }) => ({ kind }),
  loader: ({ context, deps }) => void context.queryClient.prefetchQuery(jobOverviewQuery(deps.kind)),
  component: lazyRouteComponent(() => import("./pages/Jobs"), "Jobs"),
});

const nodes = createRoute({
  getParentRoute: () => shell,
  path: "/nodes",
  loader: ({ context }) => void context.queryClient.prefetchQuery(nodesQuery),
  component: lazyRouteComponent(() => import("./pages/Nodes"), "Nodes"),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search): { next?: string } => texts(search, ["next"]),
  component: lazyRouteComponent(() => import("./pages/SignIn"), "SignIn"),
});

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: lazyRouteComponent(() => import("./pages/Setup"), "Setup"),
});

const routeTree = root.addChildren([shell.addChildren([priorities, assets, asset, vulnerability, jobs, nodes]), signIn, setup]);

/** Makes the router over all pages. */
export function makeRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    context: { queryClient },
    scrollRestoration: true,
    defaultErrorComponent: BrokenPage,
    // Plain query strings: `?tier=P0`, never JSON.
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const query = new URLSearchParams();
      for (const [key, value] of Object.entries(texts(search, Object.keys(search)))) if (value) query.set(key, value);
      return query.size > 0 ? `?${query}` : "";
    },
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

function texts<Key extends string>(search: Record<string, unknown>, keys: readonly Key[]): { [key in Key]?: string } {
  const kept: { [key in Key]?: string } = {};
  for (const key of keys) {
    const value = search[key];
    if (typeof value === "string" && value !== "") kept[key] = value;
  }
  return kept;
}
