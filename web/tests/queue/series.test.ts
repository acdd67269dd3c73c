import { expect, test } from "vitest";
import type { Minute } from "../../src/api/types.ts";
import {
  barsOf,
  linePath,
  mostOf,
  niceMost,
  type Series,
  valuesOf,
} from "../../src/pages/queue/charts/series.ts";

const NOTHING = { count: 0, p50Ms: null, p95Ms: null, p99Ms: null };

function minute(complete: number, failed: number, accepted = 0): Minute {
  return {
    minute: "2026-11-25T18:13:00.000Z",
    accepted,
    complete,
    failed,
    cancelled: 0,
    pickup: NOTHING,
    total: NOTHING,
  };
}

function series(of: "complete" | "failed" | "accepted", look: Series["look"]): Series {
  return { name: of, look, tone: "accent", counts: true, at: (each) => each[of], hour: 0 };
}

test.each([
  [0, 1],
  [0.3, 0.3],
  [1, 1],
  [7, 8],
  [11, 15],
  [24, 25],
  [61, 80],
  [100, 100],
  [1234, 1500],
  [Number.NaN, 1],
])("the scale of %s goes to %s", (value, most) => {
  expect(niceMost(value)).toBe(most);
});

test("the scale has room for bars on each other, and for lines", () => {
  const complete = series("complete", "bar");
  const failed = series("failed", "bar");
  const accepted = series("accepted", "line");
  const minutes = [minute(3, 4), minute(5, 0), minute(0, 0)];
  expect(mostOf([complete, failed], minutes)).toBe(7);
  expect(mostOf([complete, failed, accepted], [minute(0, 0, 9), ...minutes])).toBe(9);
  expect(mostOf([complete], [])).toBe(0);
});

test("a line that counts leaves out the minute under way", () => {
  const minutes = [minute(0, 0, 5), minute(0, 0, 1)];
  expect(valuesOf(series("accepted", "line"), minutes)).toEqual([5, null]);
  expect(valuesOf({ ...series("accepted", "line"), counts: false }, minutes)).toEqual([5, 1]);
});

test("a line is broken where there is no value, and a lone value is a dot", () => {
  expect(linePath([0, 5, null, 10], 10)).toBe("M0.5 100h0L1.5 50M3.5 0h0");
  expect(linePath([null, null], 10)).toBe("");
});

test("bars stand on those of the series below", () => {
  const complete = series("complete", "bar");
  const failed = series("failed", "bar");
  const minutes = [minute(5, 5), minute(10, 0)];
  expect(barsOf(complete, [], minutes, 10)).toEqual([
    { minute: 0, y: 50, height: 50 },
    { minute: 1, y: 0, height: 100 },
  ]);
  expect(barsOf(failed, [complete], minutes, 10)).toEqual([{ minute: 0, y: 0, height: 50 }]);
});
