/** Shows each stage for long enough to be seen, however fast the work is. */

import { useEffect, useState } from "react";
import type { Step } from "./view.ts";

/** In ms: so long at least a stage is seen to be at work. */
const SEEN_MS = 170;

interface Paced {
  steps: readonly Step[];
  /** What is shown is what is. */
  arrived: boolean;
}

/** In components: `steps`, a step at a time. What goes back, and what was so from the start, is shown at once. */
export function usePaced(steps: readonly Step[]): Paced {
  const goal = positionOf(steps);
  const [position, setPosition] = useState(goal);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const shown = still ? goal : Math.min(position, goal);
  useEffect(() => {
    if (shown === goal) {
      setPosition(goal);
      return;
    }
    const timer = setTimeout(setPosition, SEEN_MS, shown + 1);
    return () => clearTimeout(timer);
  }, [shown, goal]);
  return { steps: shownAt(steps, shown), arrived: shown === goal };
}

/** Return the index of the first step that is not done; past the last one if all are. */
export function positionOf(steps: readonly Step[]): number {
  const first = steps.findIndex((step) => step.state !== "done");
  return first < 0 ? steps.length : first;
}

/** Return `steps` as they were when the one at `position` was at work. */
export function shownAt(steps: readonly Step[], position: number): readonly Step[] {
  if (position >= positionOf(steps)) return steps;
  return steps.map((step, index) => ({
    ...step,
    state: index < position ? "done" : index === position ? "active" : "waiting",
  }));
}
