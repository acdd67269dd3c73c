/** How large an image is shown. Pure. */

/** CSS pixels per image pixel; `fit`: as large as fits, but not so large that it is all blur. */
export type Zoom = "fit" | number;

const STEP = 1.5;
const LARGEST_FIT = 2;
export const MOST = 8;

/** Return what `fit` comes to. */
export function fitting(
  image: { width: number; height: number },
  box: { width: number; height: number },
): number {
  return Math.min(LARGEST_FIT, box.width / image.width, box.height / image.height);
}

/** Return the zoom one step further in (`1`) or out (`-1`); never smaller than what fits. */
export function stepped(zoom: Zoom, direction: 1 | -1, fit: number): Zoom {
  const next = (zoom === "fit" ? fit : zoom) * STEP ** direction;
  return next <= fit * 1.001 ? "fit" : Math.min(MOST, next);
}

/** Return where to scroll so that what is at `point` of the box stays there. */
export function scrolled(scroll: number, point: number, before: number, after: number): number {
  return ((scroll + point) * after) / before - point;
}
