import { expect, test } from "vitest";

import { isDay, showDay, showDistance, showInstant, showUtc } from "./instant";

test("an instant is shown in the reader's zone, and in UTC in the title", () => {
  expect(showInstant("2099-03-01T23:30:00Z", "Europe/Paris")).toBe("2 Mar 2099, 00:30");
  expect(showInstant("2099-03-01T23:30:00Z", "UTC")).toBe("1 Mar 2099, 23:30");
  expect(showDay("2099-03-01T23:30:00Z", "Europe/Paris")).toBe("2 Mar 2099");
  expect(showUtc("2099-03-01T23:30:05.123Z")).toBe("2099-03-01 23:30:05 UTC");
});

test("a day is the same day in every zone", () => {
  expect(isDay("2099-03-01")).toBe(true);
  expect(showInstant("2099-03-01", "Pacific/Auckland")).toBe("1 Mar 2099");
  expect(showDay("2099-03-01", "Pacific/Auckland")).toBe("1 Mar 2099");
  expect(showUtc("2099-03-01")).toBe("2099-03-01");
});

test("what is no instant is shown as it came", () => {
  expect(showInstant("soon")).toBe("soon");
  expect(showUtc("soon")).toBe("soon");
  expect(showDistance("soon", new Date(0))).toBe("soon");
});

test("a distance uses its largest unit and never rounds up", () => {
  const now = new Date("2099-03-10T12:00:00Z");
  expect(showDistance("2099-03-10T11:59:30Z", now)).toBe("just now");
  expect(showDistance("2099-03-10T10:01:00Z", now)).toBe("1 hour ago");
  expect(showDistance("2099-03-09T11:00:00Z", now)).toBe("yesterday");
  expect(showDistance("2099-03-13T12:00:00Z", now)).toBe("in 3 days");
});
