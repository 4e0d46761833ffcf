import { expect, test } from "vitest";

import { filterText } from "./filter";

test("what the address says becomes one filter", () => {
  expect(filterText({})).toBe("state:active");
  expect(filterText({ tier: "P0", text: 'a "b" \\ c', filter: "kev:yes or epss>=0.5" })).toBe(
    'state:active (kev:yes or epss>=0.5) tier:P0 text:"a \\"b\\" \\\\ c"',
  );
});
