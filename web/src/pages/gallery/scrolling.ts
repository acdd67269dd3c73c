/** What scrolling does to the grid, and what must not be seen of changes above it. */

import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { indexIn } from "../../photos/known.ts";
import type { Layout } from "./layout.ts";

/** Faster than this nothing can be made out, px/s. */
const FLYING = 4_000;

/** In components: whether the page flies past, so that nothing need be loaded for what is on it. */
export function useFlying(scrolling: boolean): boolean {
  const [flying, setFlying] = useState(false);
  useEffect(() => {
    let [y, time] = [scrollY, performance.now()];
    const measure = () => {
      const now = performance.now();
      if (now - time < 60) return;
      setFlying((Math.abs(scrollY - y) / (now - time)) * 1000 > FLYING);
      [y, time] = [scrollY, now];
    };
    addEventListener("scroll", measure, { passive: true });
    return () => removeEventListener("scroll", measure);
  }, []);
  return flying && scrolling;
}

interface Seen {
  /** A photo of the first row that is seen. */
  id: number | undefined;
  /** How far down the grid that row begins, px. */
  y: number;
  columns: number;
  row: number;
}

/**
 * Keep what is seen where it is when photos come or go above it, and when the window becomes another
 * one; at the top, what comes is to be seen. `height`: of the grid, which follows its layout late.
 */
export function useAnchor(
  ids: readonly number[],
  first: number,
  { columns, row, gap }: Layout,
  top: number,
  height: number,
): void {
  const before = useRef<Seen>(undefined);
  useLayoutEffect(() => {
    const yOf = (index: number) => Math.floor(index / columns) * (row + gap);
    const whole = yOf(ids.length + columns - 1) - gap;
    if (Math.abs(height - whole) > 1) return; // nowhere to scroll to yet; it is a sum of fractions
    const was = before.current;
    const index = was?.id === undefined ? -1 : indexIn(ids, was.id);
    if (was && index >= 0 && scrollY > top && yOf(index) !== was.y) {
      // Where the page has become shorter, the browser has scrolled by itself.
      const into = Math.max(0, Math.min(scrollY - top - was.y, row));
      const same = was.columns === columns && was.row === row;
      const to = same ? scrollY + yOf(index) - was.y : top + yOf(index) + into;
      scrollTo({ top: to, behavior: "instant" });
      // What is the first row now is known only with the next scroll event.
      before.current = { id: was.id, y: yOf(index), columns, row };
      return;
    }
    // The same photo for as long as its row is the first: the first of that would be a bit above.
    const kept = index >= first && index < first + columns;
    before.current = { id: kept ? was?.id : ids[first], y: yOf(first), columns, row };
  }, [ids, first, columns, row, gap, top, height]);
}
