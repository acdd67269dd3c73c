import { expect, test } from "vitest";
import type { Stage } from "../src/api/types.ts";
import type { Live } from "../src/live/merge.ts";
import { positionOf, shownAt } from "../src/modal/pace.ts";
import { seenOf } from "../src/modal/seen.ts";
import { spanOfAll, type View, viewOf } from "../src/modal/view.ts";
import type { Item } from "../src/upload/groups.ts";
import { shares } from "../src/upload/shares.ts";

const STAGES: Stage[] = [
  { id: "analyzing", progress: 10, label: "Analyse", icon: "search" },
  { id: "ai", progress: 30, label: "IA", icon: "sparkles" },
  { id: "saving", progress: 70, label: "Sauvegarde", icon: "save" },
  { id: "done", progress: 100, label: "Terminé", icon: "check" },
];
const SENDING: Item = { key: "a", name: "cat.jpg", sizeBytes: 100, sending: "sending", share: 0.5 };
const SENT: Item = { ...SENDING, sending: "sent", share: 1, photoId: 1, jobId: "job-1" };

function live(changes: Partial<Live>): Live {
  return {
    id: 1,
    jobId: "job-1",
    batchId: null,
    status: "processing",
    stage: "ai",
    progress: 30,
    message: "",
    attempt: 1,
    error: null,
    ...changes,
  };
}

function states(view: View): string {
  return view.steps.map((step) => `${step.id} ${step.state}`).join(", ");
}

function see(item: Item, now?: Live, stages = STAGES): View {
  return viewOf(item, now, stages, "Envoi");
}

test("the bytes that leave fill the way to the first stage", () => {
  const view = see(SENDING);
  expect(view.span.floor).toBe(5);
  expect(states(view)).toBe(
    "upload active, analyzing waiting, ai waiting, saving waiting, done waiting",
  );
});

test("an accepted photo waits with its upload done", () => {
  const view = see(SENT, live({ status: "queued", stage: "queued", progress: 0 }));
  expect(view.span).toEqual({ floor: 10, ceiling: 10 });
  expect(states(view)).toBe(
    "upload done, analyzing waiting, ai waiting, saving waiting, done waiting",
  );
});

test("a stage that runs is active, those before are done, and the bar may creep to the next", () => {
  const view = see(SENT, live({}));
  expect(states(view)).toBe("upload done, analyzing done, ai active, saving waiting, done waiting");
  expect(view.span.floor).toBe(30);
  expect(view.span.ceiling).toBeGreaterThan(60);
  expect(view.span.ceiling).toBeLessThan(70);
});

test("a stage that was added to the tagger shows with no change here", () => {
  const added = [...STAGES];
  added.splice(2, 0, { id: "faces", progress: 50, label: "Visages", icon: "scan-face" });
  const view = see(SENT, live({ stage: "faces", progress: 50 }), added);
  expect(states(view)).toBe(
    "upload done, analyzing done, ai done, faces active, saving waiting, done waiting",
  );
  // Before the list is read anew, it counts as the one it comes after.
  const old = see(SENT, live({ stage: "faces", progress: 50 }));
  expect(states(old)).toContain("ai active");
});

test("a stage that only the photo's own tagger has stands where the photo tells", () => {
  const faces = { id: "faces", progress: 50, label: "Visages", icon: "scan-face" };
  const now = live({ stage: "faces", progress: 50, added: [faces] });
  expect(states(see(SENT, now))).toBe(
    "upload done, analyzing done, ai done, faces active, saving waiting, done waiting",
  );
  // Its end does not take it away again, and where it is listed it is there once.
  const done = live({ ...now, status: "complete", stage: "done", progress: 100 });
  expect(states(see(SENT, done))).toContain("ai done, faces done, saving done");
  expect(see(SENT, done, [...STAGES.slice(0, 3), faces]).steps).toHaveLength(5);
  // Before any list is there, it is all that is known.
  expect(states(see(SENT, now, []))).toBe("upload done, faces active");
});

test("what has failed failed at its stage; what is complete is done all through", () => {
  const failed = see(SENT, live({ status: "error" }));
  expect(failed.ended).toBe(true);
  expect(states(failed)).toContain("ai failed, saving waiting");
  const complete = see(SENT, live({ status: "complete", stage: "done", progress: 100 }));
  expect(complete.span.floor).toBe(100);
  expect(complete.steps.every((step) => step.state === "done")).toBe(true);
});

test("a file that was refused failed at the upload", () => {
  const refused: Item = { ...SENDING, sending: "refused" };
  expect(see(refused)).toMatchObject({ phase: "refused", ended: true });
  expect(states(see(refused))).toContain("upload failed");
});

test("the bar over many is their mean; what has ended counts whole, what was refused not at all", () => {
  const views = [
    see(SENT, live({})),
    see(SENT, live({ status: "error" })),
    see({ ...SENDING, sending: "refused" }),
  ];
  expect(spanOfAll(views).floor).toBe(65);
  expect(spanOfAll([])).toEqual({ floor: 0, ceiling: 0 });
});

test("the bytes of a request belong to its files in their order", () => {
  expect(shares([100, 300, 0], 200, 400)).toEqual([1, 1 / 3, 0]);
  expect(shares([100, 300], 400, 400)).toEqual([1, 1]);
  expect(shares([100], 0, 0)).toEqual([0]);
});

test("a stage that is passed over was at work as well, for those who watch", () => {
  const { steps } = see(SENT, live({ status: "complete", stage: "done", progress: 100 }));
  expect(positionOf(steps)).toBe(5);
  expect(shownAt(steps, 1).map((step) => step.state)).toEqual([
    "done",
    "active",
    "waiting",
    "waiting",
    "waiting",
  ]);
  expect(shownAt(steps, 5)).toBe(steps);
});

test("of what has not changed the same is seen, so that it is not drawn anew", () => {
  const now = live({});
  const seen = seenOf(SENT, now, STAGES, "Envoi");
  expect(seenOf(SENT, now, STAGES, "Envoi")).toBe(seen);
  expect(seenOf(SENT, live({ stage: "saving" }), STAGES, "Envoi").view).not.toEqual(seen.view);
  expect(seenOf(SENT, now, STAGES, "Upload").view.steps[0]?.label).toBe("Upload");
  expect(seenOf({ ...SENT, name: "dog.jpg" }, now, STAGES, "Upload").item.name).toBe("dog.jpg");
});
