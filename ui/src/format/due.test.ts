import { expect, test } from "vitest";

import { due } from "./due";

const now = new Date(2099, 2, 10, 15, 30);

test.each([
  ["2099-03-08", "overdue", 2],
  ["2099-03-10", "today", 0],
  ["2099-03-11", "soon", 1],
  ["2099-03-13", "soon", 3],
  ["2099-03-14", "later", 4],
  // Over the change of clocks.
  ["2099-04-10", "later", 31],
])("%s is %s by %i days", (date, kind, days) => {
  expect(due(date, now)).toEqual({ kind, days });
});

test("a date that cannot be read is neither near nor far", () => {
  expect(due("whenever", now)).toBeNull();
});
