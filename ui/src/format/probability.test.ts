import { expect, test } from "vitest";

import { showProbability } from "./probability";

const plain = (probability: number) => showProbability(probability).replaceAll("\u202f", " ");

test("a probability is a percentage with one decimal", () => {
  expect(plain(0.94412)).toBe("94.4 %");
  expect(plain(0.001)).toBe("0.1 %");
});

test("what is tiny is not nothing, and what is nearly certain is not certain", () => {
  expect(plain(0.00004)).toBe("< 0.1 %");
  expect(plain(0.99999)).toBe("> 99.9 %");
  expect(plain(0)).toBe("0.0 %");
  expect(plain(1)).toBe("100.0 %");
});
