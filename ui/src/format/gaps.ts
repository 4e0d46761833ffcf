import type { Wire } from "../api/client";

/** Tells whether a finding may be missing: then no zero is a proof, and none is shown as one. */
export function mayMissFindings(status: Wire<"Status">): boolean {
  return (
    status.sample ||
    status.unknown_count == null ||
    status.unknown_count > 0 ||
    status.asset_unknown_count > 0 ||
    status.feeds.length === 0 ||
    status.feeds.some((feed) => feed.state !== "fresh")
  );
}
