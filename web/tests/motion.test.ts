import { expect, test } from "vitest";
import { moved } from "../src/modal/motion.ts";

const FRAME_MS = 16;

function play(shown: number, spans: [floor: number, ceiling: number][], frames = 120): number[] {
  const seen = [shown];
  for (const [floor, ceiling] of spans) {
    for (let frame = 0; frame < frames; frame++) {
      seen.push(moved(seen.at(-1) ?? 0, { floor, ceiling }, FRAME_MS));
    }
  }
  return seen;
}

test("a bar never goes back, whatever it is told", () => {
  const seen = play(0, [
    [10, 27],
    [30, 64],
    [10, 27],
    [0, 0],
    [70, 95],
    [100, 100],
  ]);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  expect(seen.at(-1)).toBe(100);
});

test("a bar arrives where the work is, and creeps on towards the next stage without reaching it", () => {
  const [soon] = play(0, [[30, 64]], 90).slice(-1);
  expect(soon).toBeGreaterThanOrEqual(30);
  const [late] = play(30, [[30, 64]], 60 * 60).slice(-1);
  expect(late).toBeGreaterThan(60);
  expect(late).toBeLessThanOrEqual(64);
});

test("a bar moves a little each frame, and stands still once it has arrived", () => {
  const seen = play(0, [[100, 100]], 300);
  const steps = seen.slice(1).map((each, index) => each - (seen[index] ?? 0));
  expect(Math.max(...steps)).toBeLessThan(10);
  expect(steps.at(-1)).toBe(0);
});

test("a page that was hidden for minutes finds its bar where the work is", () => {
  expect(moved(10, { floor: 100, ceiling: 100 }, 300_000)).toBe(100);
});
