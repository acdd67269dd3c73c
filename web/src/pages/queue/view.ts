/** What the figures of the queue mean. Pure. */

import type { Job, ListedState, Minute, Queue } from "../../api/types.ts";

export const LISTED: readonly ListedState[] = ["waiting", "active", "delayed", "dead"];
/** In the order in which they are taken. */
export const PRIORITIES = ["front", "high", "normal", "low"] as const;
/** The current rate is that of so many whole minutes. */
const RATED = 5;

export function waitingIn(queue: Queue): number {
  return PRIORITIES.reduce((sum, each) => sum + queue.waiting[each], 0);
}

export function countIn(queue: Queue, state: ListedState): number {
  return state === "waiting" ? waitingIn(queue) : queue[state];
}

/** Return the state whose list is shown: the address's, else what needs somebody. */
export function stateIn(asked: string | null, queue: Queue): ListedState {
  const named = LISTED.find((each) => each === asked);
  if (named) return named;
  if (queue.dead > 0) return "dead";
  return waitingIn(queue) === 0 && queue.active > 0 ? "active" : "waiting";
}

/** Return how many photos became ready a minute, of late. */
export function rateOf(minutes: readonly Minute[]): number {
  const whole = minutes.slice(-1 - RATED, -1);
  return whole.reduce((sum, each) => sum + each.complete, 0) / Math.max(1, whole.length);
}

/** Return the names of `counts`, the largest count first. */
export function ranked(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).sort(
    ([name, number], [other, another]) => another - number || name.localeCompare(other),
  );
}

/** Whether jobs of this state are listed: it has not ended, or is dead. */
export function isListed(state: Job["state"]): state is ListedState {
  return LISTED.some((each) => each === state);
}
