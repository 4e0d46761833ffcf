import { expect, test } from "vitest";

import { severity, showScore } from "./score";

test("a score keeps its decimal", () => {
  expect(showScore(10)).toBe("10.0");
  expect(showScore(0)).toBe("0.0");
});

test.each([
  [9.0, "3.1", "critical"],
  [8.9, "4.0", "high"],
  [4.0, "3.0", "medium"],
  [0.1, "3.1", "low"],
  [0, "4.0", "none"],
  [10, "2.0", "high"],
  [6.9, "2.0", "medium"],
  [0, "2.0", "low"],
])("%d in CVSS %s is %s", (score, version, word) => {
  expect(severity(score, version)).toBe(word);
});
