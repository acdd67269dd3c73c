/** How old what is shown is, and when it is asked for again. Pure. */

export const EVERY_MS = 2_000;
const MOST_MS = 30_000;

export interface Asked {
  /** Of the last answer, ms since 1970; 0 without one. */
  dataUpdatedAt: number;
  failureReason: Error | null;
}

export interface Freshness {
  /** Of the oldest answer; null while none has come. */
  ageMs: number | null;
  fresh: boolean;
  why: Error | null;
}

/** So long an answer may take, over what is between two of them, before it counts as missing. */
const LATE_MS = 8_000;

/** Return how fresh the answers are all together, at `now`. */
export function freshness(asked: readonly Asked[], now: number): Freshness {
  const answered = asked.map((each) => each.dataUpdatedAt).filter((time) => time > 0);
  const ageMs = answered.length ? Math.max(0, now - Math.min(...answered)) : null;
  const why = asked.find((each) => each.failureReason)?.failureReason ?? null;
  return { ageMs, fresh: !why && ageMs !== null && ageMs < LATE_MS, why };
}

/** Return how long to wait for the next try after the first, second, … failure, counted from 0. */
export function pauseMs(failures: number, atLeastMs: number): number {
  return Math.min(MOST_MS, Math.max(atLeastMs, EVERY_MS * 2 ** failures));
}
