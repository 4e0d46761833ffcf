import { expect, test } from "vitest";

import { mayMissFindings } from "./gaps";

const feed = (state: string) => ({ id: "debian", state, problem_count: 0, problems: [] });
const sure = {
  version: "0",
  sample: false,
  warnings: [],
  feeds: [feed("fresh")],
  asset_count: 1,
  asset_unknown_count: 0,
  counts: { p0: 0, p1: 0, p2: 0, p3: 0, p4: 0 },
  unknown_count: 0,
  dead_job_count: 0,
  silent_node_count: 0,
};

test("only fresh feeds and decided assets make a zero a zero", () => {
  expect(mayMissFindings(sure)).toBe(false);
  const gaps = [
    { sample: true },
    { unknown_count: null },
    { unknown_count: 1 },
    { asset_unknown_count: 1 },
    { feeds: [] },
    ...["stale", "empty", "partial", "failed", "never"].map((state) => ({ feeds: [feed("fresh"), feed(state)] })),
  ];
  for (const gap of gaps) expect(mayMissFindings({ ...sure, ...gap })).toBe(true);
});
