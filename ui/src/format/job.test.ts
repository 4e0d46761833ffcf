import { expect, test } from "vitest";

import { actsOn, far, needsAsking, showAttempts, showBetween, showFar, showJob, showKind } from "./job";

const progress = (done: number, total: number | null) => far({ done, total, text: "" });

test("how far a job is, is never shown as a zero that nobody knows", () => {
  expect(progress(3, 12)).toEqual({ kind: "share", done: 3, total: 12 });
  expect(showFar(progress(3, 1200))).toBe("3 of 1,200");
  expect(showFar(progress(0, 12))).toBe("0 of 12");
  expect(showFar(progress(7, null))).toBe("7 so far");
  expect(showFar(progress(0, null))).toBe("not known how far");
});

test("a total that is none makes no bar", () => {
  expect(progress(0, 0)).toEqual({ kind: "unknown" });
  expect(progress(13, 12)).toEqual({ kind: "count", done: 13 });
});

test("a time between two instants is shown where there is one", () => {
  expect(showBetween("2099-03-01T10:00:00Z", "2099-03-01T12:05:00Z")).toBe("2 h 5 min");
  expect(showBetween("2099-03-01T10:00:00Z", "2099-03-01T10:00:20Z")).toBe("less than a minute");
  expect(showBetween("2099-03-01T10:00:01Z", "2099-03-01T10:00:00Z")).toBeNull();
  expect(showBetween(null, "2099-03-01T10:00:00Z")).toBeNull();
  expect(showBetween("soon", "2099-03-01T10:00:00Z")).toBeNull();
});

test("attempts are counted, and none is said in words", () => {
  const job = (attempts: number, state = "ready") => ({ state, attempts, attempts_max: 3 });
  expect(showAttempts(job(0))).toBe("not tried yet");
  expect(showAttempts(job(2))).toBe("2 of 3");
});

test("a kind that is not known keeps its own word", () => {
  expect(showKind("inspect")).toBe("Inspection");
  expect(showKind("transmute")).toBe("transmute");
  expect(showJob({ kind: "inspect", asset: { id: "1", name: "web01" } })).toBe("Inspection: web01");
  expect(showJob({ kind: "sync", asset: null })).toBe("Feeds");
});

test("only what the server would do is offered", () => {
  const acts = (state: string, cancel_asked_at: string | null = null) => actsOn({ state, cancel_asked_at });
  expect(acts("ready")).toEqual(["cancel"]);
  expect(acts("leased")).toEqual(["cancel"]);
  expect(acts("leased", "2099-03-01T10:00:00Z")).toEqual([]);
  expect(acts("dead")).toEqual(["retry", "dismiss"]);
  expect(acts("cancelled")).toEqual(["retry"]);
  expect([acts("done"), acts("superseded"), acts("unheard of")]).toEqual([[], [], []]);
});

test("what loses something is asked about first", () => {
  expect(needsAsking("cancel", { state: "leased" })).toBe(true);
  expect(needsAsking("dismiss", { state: "dead" })).toBe(true);
  expect(needsAsking("cancel", { state: "ready" })).toBe(false);
  expect(needsAsking("retry", { state: "dead" })).toBe(false);
});
