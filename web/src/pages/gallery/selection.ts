/** Which photos are selected, and from where a range goes. Pure. */

import { indexIn } from "../../photos/known.ts";

export interface Selection {
  readonly ids: ReadonlySet<number>;
  /** Where the last selection began. */
  readonly anchor: number | undefined;
}

export const NONE: Selection = { ids: new Set(), anchor: undefined };

export function toggled({ ids }: Selection, id: number): Selection {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return { ids: next, anchor: id };
}

/** Select all from the anchor (else `from`) to `to`, besides what is selected. */
export function ranged(
  { ids, anchor }: Selection,
  all: readonly number[],
  from: number,
  to: number,
): Selection {
  const start = anchor !== undefined && indexIn(all, anchor) >= 0 ? anchor : from;
  const [one, other] = [indexIn(all, start), indexIn(all, to)];
  const range = all.slice(Math.min(one, other), Math.max(one, other) + 1);
  return { ids: new Set([...ids, ...range]), anchor: start };
}

/** Leave out what is not there any more. */
export function limited(selection: Selection, all: readonly number[]): Selection {
  const left = [...selection.ids].filter((id) => indexIn(all, id) >= 0);
  return left.length === selection.ids.size ? selection : { ...selection, ids: new Set(left) };
}
