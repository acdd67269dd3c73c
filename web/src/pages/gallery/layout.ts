/** How the grid is laid out, and how big a thumbnail it needs. Pure; CSS pixels. */

export interface Layout {
  columns: number;
  /** Of a cell, which is square, and has its caption below. */
  side: number;
  row: number;
  /** Between columns and between rows. */
  gap: number;
}

const CAPTION = 40;
/** What the server's thumbnails have on their longest side, device pixels. */
const STEPS = [160, 256, 320, 384, 512, 640, 768, 1024];
/** What is longer than this is cut off anyway. */
const LONGEST = 2;

/** Return the layout for a grid of this width: two columns on a phone, more where there is room. */
export function layoutFor(width: number): Layout {
  const gap = width < 560 ? 12 : 18;
  const wanted = width < 560 ? 150 : width < 1000 ? 172 : 190;
  const columns = Math.max(2, Math.floor((width + gap) / (wanted + gap)));
  const side = Math.max(0, (width - gap * (columns - 1)) / columns);
  return { columns, side, row: Math.round(side + CAPTION), gap };
}

/** Return the thumbnail's size so that a photo of `width` × `height` fills a cell of `side`. */
export function thumbnailFor(
  { width, height }: { width: number; height: number },
  side: number,
  pixelRatio: number,
): number {
  const short = Math.max(1, Math.min(width, height));
  const stretch = Math.min(LONGEST, Math.max(width, height) / short);
  // One step below what would be exact is not seen, and is half the bytes.
  const needed = side * pixelRatio * stretch * 0.9;
  return STEPS.find((step) => step >= needed) ?? 1024;
}
