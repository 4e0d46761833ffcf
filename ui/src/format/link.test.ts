import { expect, test } from "vitest";

import { ownPath, webAddress } from "./link";

test("only web pages become links", () => {
  expect(webAddress("https://vendor.example/advisory/1")).toBe("https://vendor.example/advisory/1");
  expect(webAddress("javascript:alert(1)")).toBeNull();
  expect(webAddress("data:text/html,x")).toBeNull();
  expect(webAddress("DSA-1")).toBeNull();
});

test("signing in leads to a path of this site only", () => {
  expect(ownPath("/assets?text=web")).toBe("/assets?text=web");
  for (const elsewhere of [undefined, "", "https://other.example/", "//other.example", "/\\other.example", "assets"]) {
    expect(ownPath(elsewhere)).toBe("/");
  }
});
