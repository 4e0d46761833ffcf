import createClient from "openapi-fetch";

import { texts } from "../texts";
import type { components, paths } from "./schema";

/** A type of the wire by its name in the OpenAPI description. */
export type Wire<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** The server's refusal, or its silence (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, detail: string) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.title = title;
  }
}

/** The typed client of the API that serves this page. */
export const client = createClient<paths>({
  baseUrl: window.location.origin,
  credentials: "same-origin",
  // Looked up at each call, so that a test may watch it.
  fetch: (request) => window.fetch(request),
});

/** Waits for an answer and gives its body, or throws an [`ApiError`]. */
export async function answer<Body>(call: Promise<{ data?: Body; error?: unknown; response: Response }>): Promise<Body> {
  const { data, error, response } = await call.catch(() => {
    throw new ApiError(0, texts.state.unreachable, texts.state.unreachableDetail);
  });
  if (response.ok) return data as Body;
  const problem = isProblem(error) ? error : { title: `${response.status} ${response.statusText}`, detail: "" };
  throw new ApiError(response.status, problem.title, problem.detail);
}

function isProblem(value: unknown): value is Pick<Wire<"Problem">, "title" | "detail"> {
  if (typeof value !== "object" || value === null) return false;
  return "title" in value && typeof value.title === "string" && "detail" in value && typeof value.detail === "string";
}
