import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";

import { ApiError } from "./api/client";

const FRESH_MS = 15_000;
const RETRIES_MAX = 2;

/** Makes the cache of the server's answers; `toSignIn` is called when the session has ended. */
export function makeQueryClient(toSignIn: (next: string) => void): QueryClient {
  const onError = (error: Error) => {
    const { pathname, search } = window.location;
    if (error instanceof ApiError && error.status === 401 && pathname !== "/sign-in" && pathname !== "/setup") {
      toSignIn(pathname + search);
    }
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        // A refusal stays a refusal; silence and the server's own failures may pass.
        retry: (failures, error) =>
          failures < RETRIES_MAX && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      },
    },
  });
}
