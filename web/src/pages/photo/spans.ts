/** How long the parts of an attempt took. Pure. */

import type { JobAttempt, Stage } from "../../api/types.ts";

export interface Part {
  id: string;
  label: string;
  ms: number;
  /** Of all parts, 0 to 1. */
  share: number;
}

/** Return the parts of `attempt` in the pipeline's order; `waitedMs` comes first if it is any. */
export function partsOf(
  attempt: JobAttempt,
  stages: readonly Stage[],
  waitedMs: number | undefined,
  waited: string,
): Part[] {
  const order = (id: string) => {
    const at = stages.findIndex((stage) => stage.id === id);
    return at < 0 ? stages.length : at;
  };
  const label = (id: string) => stages.find((stage) => stage.id === id)?.label ?? id;
  const parts = Object.entries(attempt.stageMs)
    .sort(([one], [other]) => order(one) - order(other))
    .map(([id, ms]) => ({ id, label: label(id), ms }));
  if (waitedMs !== undefined && waitedMs >= 0)
    parts.unshift({ id: "waited", label: waited, ms: waitedMs });
  const total = parts.reduce((sum, part) => sum + part.ms, 0);
  return parts.map((part) => ({ ...part, share: total ? part.ms / total : 0 }));
}
