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

/** Keep what is seen where it is when photos come or go above it; at the top they are to be seen. */
export function useAnchor(
  ids: readonly number[],
  first: number,
  { columns, row, gap }: Layout,
  top: number,
): void {
  const before = useRef<{ ids: readonly number[]; id: number | undefined; row: number }>(undefined);
  useLayoutEffect(() => {
    const was = before.current;
    if (was && was.ids !== ids && was.id !== undefined && scrollY > top) {
      const index = indexIn(ids, was.id);
      const moved = index < 0 ? 0 : Math.floor(index / columns) - was.row;
      if (moved) scrollBy({ top: moved * (row + gap), behavior: "instant" });
    }
    before.current = { ids, id: ids[first], row: Math.floor(first / columns) };
  }, [ids, first, columns, row, gap, top]);
}
