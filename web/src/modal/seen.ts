/** An item with all that is known of it. Pure, but for a memory of what was returned before. */

import type { Stage } from "../api/types.ts";
import type { Live } from "../live/merge.ts";
import type { Item } from "../upload/groups.ts";
import { type View, viewOf } from "./view.ts";

export interface Seen {
  readonly item: Item;
  readonly live: Live | undefined;
  readonly view: View;
}

interface Before {
  readonly stages: readonly Stage[];
  readonly uploadLabel: string;
  readonly seen: Seen;
}

const before = new WeakMap<Item, Before>();

/**
 * Return an item as it is: the same object for as long as nothing of it has changed. Of 150 photos
 * one changes at a time, and drawing the others anew each time is more than a browser can do.
 */
export function seenOf(
  item: Item,
  live: Live | undefined,
  stages: readonly Stage[],
  uploadLabel: string,
): Seen {
  const last = before.get(item);
  if (last?.seen.live === live && last?.stages === stages && last.uploadLabel === uploadLabel)
    return last.seen;
  const seen = { item, live, view: viewOf(item, live, stages, uploadLabel) };
  before.set(item, { stages, uploadLabel, seen });
  return seen;
}
