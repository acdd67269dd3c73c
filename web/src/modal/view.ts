/** What the modal shows of an item: one view out of the upload and what is live. Pure. */

import type { Stage } from "../api/types.ts";
import type { Live } from "../live/merge.ts";
import type { Item } from "../upload/groups.ts";

export type Phase =
  | "sending"
  | "queued"
  | "working"
  | "retrying"
  | "complete"
  | "error"
  | "cancelled"
  | "refused"
  | "gone";

export type StepState = "waiting" | "active" | "done" | "failed";

export interface Step {
  readonly id: string;
  readonly label: string;
  readonly icon: string;
  readonly state: StepState;
}

/** Where a bar stands: at `floor` for certain, on its way to `ceiling`. Percent. */
export interface Span {
  readonly floor: number;
  readonly ceiling: number;
}

export interface View {
  readonly phase: Phase;
  readonly ended: boolean;
  readonly span: Span;
  readonly steps: readonly Step[];
}

/** How far a bar may creep towards the next stage on its own, as a share of the way. */
const CREEP = 0.85;
/** Where the tagger's first stage begins, as long as nobody has told. */
const FIRST = 10;

/** `uploadLabel` names the first step, which is the page's own and none of the tagger's. */
export function viewOf(
  item: Item,
  live: Live | undefined,
  listed: readonly Stage[],
  uploadLabel: string,
): View {
  const phase = phaseOf(item, live);
  const stages = withAdded(listed, live?.added);
  const at = phase === "sending" || phase === "refused" ? -1 : stageAt(live, stages);
  return {
    phase,
    ended: ["complete", "error", "cancelled", "refused", "gone"].includes(phase),
    span: spanOf(phase, item, live, stages, at),
    steps: stepsOf(phase, stages, at, uploadLabel),
  };
}

/** Taggers need not all have the same stages: those a photo tells of itself stand in their places. */
function withAdded(listed: readonly Stage[], added: readonly Stage[] = []): readonly Stage[] {
  const unlisted = added.filter(({ id }) => !listed.some((stage) => stage.id === id));
  return unlisted.length
    ? [...listed, ...unlisted].sort((one, other) => one.progress - other.progress)
    : listed;
}

function phaseOf(item: Item, live: Live | undefined): Phase {
  if (item.photoId === undefined) {
    return item.sending === "refused" || item.sending === "cancelled" ? item.sending : "sending";
  }
  if (!live) return "queued";
  return live.status === "processing" ? "working" : live.status;
}

/** Return the index of the stage that a photo is in, or was last; -1: none yet. */
function stageAt(live: Live | undefined, stages: readonly Stage[]): number {
  if (!live || live.stage === null || live.stage === "queued") {
    return stages.findLastIndex(
      (stage) => live && live.progress > 0 && stage.progress <= live.progress,
    );
  }
  const named = stages.findIndex((stage) => stage.id === live.stage);
  // A stage that was added since the list was read: by where it stands.
  return named >= 0 ? named : stages.findLastIndex((stage) => stage.progress <= live.progress);
}

function spanOf(
  phase: Phase,
  item: Item,
  live: Live | undefined,
  stages: readonly Stage[],
  at: number,
): Span {
  const first = stages[0]?.progress ?? FIRST;
  if (phase === "complete") return still(100);
  if (phase === "sending") return still(item.share * first);
  if (phase === "refused") return still(0);
  const floor = Math.max(first, live?.progress ?? 0);
  if (phase !== "working") return still(live ? floor : first);
  const next = stages[at + 1]?.progress ?? 100;
  return { floor, ceiling: Math.max(floor, floor + (next - floor) * CREEP) };
}

function still(percent: number): Span {
  return { floor: percent, ceiling: percent };
}

function stepsOf(phase: Phase, stages: readonly Stage[], at: number, uploadLabel: string): Step[] {
  const all = [{ id: "upload", label: uploadLabel, icon: "upload" }, ...stages];
  const current = at + 1;
  return all.map(({ id, label, icon }, index) => ({
    id,
    label,
    icon,
    state: stateAt(phase, index, current),
  }));
}

function stateAt(phase: Phase, index: number, current: number): StepState {
  if (phase === "complete") return "done";
  if (index > current) return "waiting";
  if (index < current) return "done";
  switch (phase) {
    case "error":
    case "refused":
      return "failed";
    case "sending":
    case "working":
      return "active";
    default:
      return index === 0 ? "done" : "waiting"; // queued, retrying, cancelled: nobody is at it
  }
}

/** Return the bar over many: the mean, where what has ended counts whole. */
export function spanOfAll(views: readonly View[]): Span {
  const taken = views.filter((view) => view.phase !== "refused");
  if (!taken.length) return still(views.length ? 100 : 0);
  const mean = (of: (view: View) => number) =>
    taken.reduce((sum, view) => sum + (view.ended ? 100 : of(view)), 0) / taken.length;
  return { floor: mean((view) => view.span.floor), ceiling: mean((view) => view.span.ceiling) };
}

export interface Counts {
  total: number;
  complete: number;
  failed: number;
  cancelled: number;
  refused: number;
}

export function countsOf(views: readonly View[]): Counts {
  const of = (...phases: Phase[]) => views.filter((view) => phases.includes(view.phase)).length;
  return {
    total: views.length,
    complete: of("complete"),
    failed: of("error"),
    cancelled: of("cancelled", "gone"),
    refused: of("refused"),
  };
}
