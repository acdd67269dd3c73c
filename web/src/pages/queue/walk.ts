/** Does something to each job of a whole list, page by page, a few at a time. */

import type { Job, Page } from "../../api/types.ts";

const AT_ONCE = 4;

export interface Walk {
  /** Return the page that begins at `cursor`; undefined: the first. */
  page: (cursor: string | undefined) => Promise<Page<Job>>;
  /** False if the job was not as expected any more. */
  act: (job: Job) => Promise<boolean>;
  signal: AbortSignal;
  /** Called after each job. */
  onStep: (so: Walked) => void;
}

export interface Walked {
  done: number;
  late: number;
}

/**
 * Walk to the end of the list, or until `signal`; what comes to the list meanwhile is left alone.
 *
 * The first throw of `page` or `act` ends it, once what is under way has come back.
 */
export async function walk({ page, act, signal, onStep }: Walk): Promise<void> {
  const so = { done: 0, late: 0 };
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await page(cursor);
    const left = [...items];
    let failed = false;
    const work = async () => {
      for (let job = left.shift(); job && !signal.aborted && !failed; job = left.shift()) {
        try {
          so[(await act(job)) ? "done" : "late"] += 1;
        } catch (error) {
          failed = true;
          throw error;
        }
        onStep({ ...so });
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, work));
    const end = ends.find((each) => each.status === "rejected");
    if (end) throw end.reason;
    cursor = nextCursor ?? undefined;
  } while (cursor && !signal.aborted);
}
