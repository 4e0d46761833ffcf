import { expect, test } from "vitest";

import { showDuration } from "./duration";

test.each([
  [0, "less than a minute"],
  [59, "less than a minute"],
  [60, "1 min"],
  [3_600, "1 h"],
  [3_660, "1 h 1 min"],
  [86_400, "1 day"],
  [86_400 + 59 * 60, "1 day"],
  [12 * 86_400 + 4 * 3_600 + 1_800, "12 days 4 h"],
  [1_200 * 86_400, "1,200 days"],
])("%i seconds are %s", (seconds, shown) => {
  expect(showDuration(seconds)).toBe(shown);
});
