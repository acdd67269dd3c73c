/**
 * What is known of a list that is fetched page by page, from its newest photo down.
 *
 * Of all photos the id is kept, which is little; of some places the cursor, so that what was
 * dropped is fetched again from near by. Pure.
 */

export interface Known {
  /** Newest first, which is by falling id; without holes. */
  readonly ids: readonly number[];
  /** From where pages can be asked for, from the top down. */
  readonly marks: readonly Mark[];
  /** Nothing comes after the last id. */
  readonly whole: boolean;
}

/** The photos with ids below `below` come at `cursor`. */
export interface Mark {
  readonly below: number;
  readonly cursor: string | undefined;
}

export const TOP: Mark = { below: Number.POSITIVE_INFINITY, cursor: undefined };
export const NOTHING: Known = { ids: [], marks: [TOP], whole: false };

/**
 * Return what is known once the page at `mark` was answered: `ids`, and where the next one is.
 *
 * Photos that have gone since go, those that have come, come. If so many have come that the page
 * does not reach what was known below it, that is forgotten: there would be a hole.
 */
export function learned(
  known: Known,
  mark: Mark,
  ids: readonly number[],
  next: string | null,
): Known {
  const above = known.ids.filter((id) => id >= mark.below);
  const marks = known.marks.filter(({ below }) => below >= mark.below);
  if (next === null) return { ids: [...above, ...ids], marks, whole: true };
  const floor = ids.at(-1) ?? mark.below;
  const first = known.ids.find((id) => id < mark.below);
  const joined = first !== undefined && floor <= first;
  const rest = joined ? known.ids.filter((id) => id < floor) : [];
  return {
    ids: [...above, ...ids, ...rest],
    marks: [
      ...marks,
      { below: floor, cursor: next },
      ...(joined ? known.marks.filter(({ below }) => below < floor) : []),
    ],
    whole: rest.length > 0 && known.whole,
  };
}

/** Return the nearest mark above photo `id`. */
export function markFor(known: Known, id: number): Mark {
  return known.marks.findLast(({ below }) => below > id) ?? TOP;
}

/** Return where the list goes on after all that is known, undefined if it does not. */
export function end(known: Known): Mark | undefined {
  return known.whole ? undefined : known.marks.at(-1);
}

export function without(known: Known, gone: number): Known {
  return { ...known, ids: known.ids.filter((id) => id !== gone) };
}

/** Return the index of `id` in `ids`, which fall; -1 if it is not there. */
export function indexIn(ids: readonly number[], id: number): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ids[middle] ?? 0) > id) low = middle + 1;
    else high = middle;
  }
  return ids[low] === id ? low : -1;
}
