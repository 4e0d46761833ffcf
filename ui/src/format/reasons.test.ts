import { expect, test } from "vitest";

import { groupReasons, isGap } from "./reasons";

const reason = (rule: string) => ({ rule, text: rule });

test("the decision comes first, its last word before what it stands on", () => {
  const rules = ["vendor.status", "kev.listed", "epss.unknown", "cvss", "exposure", "bod_26_04", "tier.p0.bod_three_days"];
  const groups = groupReasons(rules.map(reason));
  expect(groups.map((group) => [group.topic, group.reasons.map(({ rule }) => rule)])).toEqual([
    ["tier", ["tier.p0.bod_three_days", "bod_26_04"]],
    ["exploitation", ["kev.listed", "epss.unknown"]],
    ["score", ["cvss"]],
    ["exposure", ["exposure"]],
    ["vendor", ["vendor.status"]],
  ]);
});

test("a rule that this page does not know is shown all the same", () => {
  expect(groupReasons([reason("moon.phase"), reason("")]).flatMap((group) => group.reasons)).toHaveLength(2);
});

test("gaps in what is known are told apart", () => {
  expect(["epss.unknown", "kev.missing", "cvss.unscored"].map((rule) => isGap(reason(rule)))).toEqual([true, true, true]);
  expect(["epss.below_threshold", "kev.not_listed"].map((rule) => isGap(reason(rule)))).toEqual([false, false]);
});
