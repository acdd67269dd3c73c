/** What photos are called, as it is shown. Pure. */

import type { Photo } from "../api/types.ts";

/** Letters of a name in a sentence, and how many of them are its end, which tells photos apart. */
const MOST = 44;
const END = 14;
/** Not seen themselves, these turn the direction of the text around them. */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

export function nameOf({ originalName, filename }: Photo): string {
  return shownName(originalName) || filename;
}

/** Return a file's name as it is written, letter by letter. */
export function shownName(name: string): string {
  return name.replace(TURNS, "");
}

/** Return a name so short that a sentence can be read around it. */
export function shortName(name: string): string {
  const letters = [...name];
  if (letters.length <= MOST) return name;
  return `${letters.slice(0, MOST - END - 1).join("")}…${letters.slice(-END).join("")}`;
}
