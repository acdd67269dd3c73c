/** The photos before and after one, in the order of the list it was opened from. */

import { useEffect } from "react";
import { indexIn } from "../../photos/known.ts";
import { list, more, setLooked, useListing } from "../../photos/listing.ts";
import { useRemoved } from "../../photos/removal.ts";

interface Neighbours {
  previous: number | undefined;
  next: number | undefined;
}

/** In components. What was opened by its address is found among the newest photos, or nowhere. */
export function useNeighbours(id: number): Neighbours {
  const { known, pending } = useListing();
  const removed = useRemoved((state) => state.ids);
  const at = indexIn(known.ids, id);
  const last = at >= 0 && at === known.ids.length - 1;
  useEffect(() => {
    if (pending) list(useListing.getState().filter);
    else if (last) more();
  }, [pending, last]);
  useEffect(() => setLooked(id), [id]);
  if (at < 0) return { previous: undefined, next: undefined };
  return {
    previous: known.ids.slice(0, at).findLast((each) => !removed.has(each)),
    next: known.ids.slice(at + 1).find((each) => !removed.has(each)),
  };
}
