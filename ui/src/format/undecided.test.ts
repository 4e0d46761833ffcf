import { expect, test } from "vitest";

import { groupUndecided } from "./undecided";

test("things with one reason are told once, and none is lost", () => {
  const groups = groupUndecided([
    { kind: "package", subject: "a", reason: "not listed" },
    { kind: "verdict", subject: "b", vulnerability: "CVE-2099-0001", reason: "cannot be compared" },
    { kind: "package", subject: "c", reason: "not listed" },
    { kind: "feed", subject: "d", reason: "not listed" },
  ]);
  expect(groups.map(({ kind, things }) => [kind, things.map(({ subject }) => subject)])).toEqual([
    ["package", ["a", "c"]],
    ["verdict", ["b"]],
    ["feed", ["d"]],
  ]);
  expect(groups[1]?.things[0]?.vulnerability).toBe("CVE-2099-0001");
});
