/** A BlurHash as pixels. Pure. */

import { decode, isBlurhashValid } from "blurhash";

/** Of the longer side: what is stretched over a whole tile needs no more. */
const SIDE = 16;

export interface Pixels {
  width: number;
  height: number;
  /** Red, green, blue and opacity of each pixel, rows from the top. */
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** Return a few pixels for a photo of `width` × `height`; nothing for what is no BlurHash. */
export function blurred(hash: string, width: number, height: number): Pixels | undefined {
  if (!isBlurhashValid(hash).result) return undefined;
  const scale = SIDE / Math.max(width, height);
  const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const [across = 1, down = 1] = size;
  return { width: across, height: down, rgba: new Uint8ClampedArray(decode(hash, across, down)) };
}
