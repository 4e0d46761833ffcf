import { expect, test } from "vitest";

import { isListed } from "./kev";

const reasons = (rule: string) => [{ rule, text: rule }];

test("an old list may say yes, and never no", () => {
  expect(isListed({ kev: true, reasons: reasons("kev.listed") })).toBe(true);
  expect(isListed({ kev: false, reasons: reasons("kev.not_listed") })).toBe(false);
  expect(isListed({ kev: false, reasons: reasons("kev.unknown") })).toBeNull();
  expect(isListed({ kev: null, reasons: reasons("kev.missing") })).toBeNull();
});
