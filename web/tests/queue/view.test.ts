import { expect, test } from "vitest";
import type { Minute, Queue } from "../../src/api/types.ts";
import { freshness, pauseMs } from "../../src/pages/queue/fresh.ts";
import { ranked, rateOf, stateIn, waitingIn } from "../../src/pages/queue/view.ts";

const QUIET: Queue = {
  name: "tagging",
  waiting: { front: 0, high: 0, normal: 0, low: 0 },
  active: 0,
  delayed: 0,
  dead: 0,
  deadDropped: 0,
  workers: 1,
  paused: false,
};

test("what was given back waits as well", () => {
  expect(waitingIn({ ...QUIET, waiting: { front: 1, high: 2, normal: 3, low: 4 } })).toBe(10);
});

test("the list shown first is the one that needs somebody", () => {
  expect(stateIn(null, QUIET)).toBe("waiting");
  expect(stateIn(null, { ...QUIET, active: 2 })).toBe("active");
  expect(stateIn(null, { ...QUIET, active: 2, dead: 1 })).toBe("dead");
  expect(stateIn("delayed", { ...QUIET, dead: 1 })).toBe("delayed");
  expect(stateIn("nonsense", QUIET)).toBe("waiting");
});

test("the rate is that of the last whole minutes", () => {
  const minutes = [100, 1, 2, 3, 4, 5, 100].map((complete) => ({ complete }) as Minute);
  expect(rateOf(minutes)).toBe(3);
  expect(rateOf([])).toBe(0);
});

test("the most frequent comes first", () => {
  expect(ranked({ b: 1, c: 3, a: 1 })).toEqual([
    ["c", 3],
    ["a", 1],
    ["b", 1],
  ]);
});

test("answers are as fresh as the oldest, and not fresh while one fails", () => {
  const now = 100_000;
  const good = { dataUpdatedAt: 99_000, failureReason: null };
  expect(freshness([good, { ...good, dataUpdatedAt: 98_000 }], now)).toEqual({
    ageMs: 2_000,
    fresh: true,
    why: null,
  });
  expect(freshness([good, { ...good, dataUpdatedAt: 90_000 }], now).fresh).toBe(false);
  expect(freshness([good, { ...good, dataUpdatedAt: 0 }], now).ageMs).toBe(1_000);
  expect(freshness([{ ...good, dataUpdatedAt: 0 }], now)).toMatchObject({
    ageMs: null,
    fresh: false,
  });
  const why = new Error("away");
  expect(freshness([{ ...good, failureReason: why }], now)).toEqual({
    ageMs: 1_000,
    fresh: false,
    why,
  });
});

test("each failure doubles the pause up to half a minute", () => {
  expect([0, 1, 2, 3, 4, 9].map((failures) => pauseMs(failures, 0))).toEqual([
    2_000, 4_000, 8_000, 16_000, 30_000, 30_000,
  ]);
  expect(pauseMs(0, 5_000)).toBe(5_000);
});
