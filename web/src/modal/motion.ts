/** How a bar moves: quickly to where the work is, slowly on towards the next stage, never back. */

import type { Span } from "./view.ts";

const CATCH_UP_MS = 170;
const CREEP_MS = 7_000;
/** Percent; nearer than this nobody sees a difference. */
const SETTLED = 0.05;

/** Return where a bar that stands at `shown` percent is `ms` later. */
export function moved(shown: number, { floor, ceiling }: Span, ms: number): number {
  const next = Math.max(toward(floor, CATCH_UP_MS), toward(ceiling, CREEP_MS));
  return Math.min(100, Math.max(shown, next));

  function toward(goal: number, pace: number): number {
    const there = goal - (goal - shown) * Math.exp(-ms / pace);
    return goal - there < SETTLED ? goal : there;
  }
}
