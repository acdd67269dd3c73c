import { expect, test } from "vitest";
import type { Events, Photo, Told } from "../src/events.ts";
import { begun, type Live, type LiveMap, merge, ofPhoto } from "../src/live/merge.ts";

const NOW = 1_760_000_000_000;

const PHOTO: Photo = {
  id: 1,
  filename: "photo-01.jpg",
  originalName: "cat.jpg",
  contentType: "image/jpeg",
  size: 34306,
  width: 451,
  height: 300,
  sha256: "",
  status: "processing",
  processing: true,
  stage: "ai",
  progress: 30,
  tags: [],
  caption: null,
  alt: null,
  colors: [],
  takenAt: null,
  camera: null,
  place: null,
  blurhash: null,
  provider: null,
  usage: null,
  jobId: "job-1",
  batchId: null,
  error: null,
  createdAt: "2026-11-25T12:00:00.000Z",
  updatedAt: "2026-11-25T12:00:00.000Z",
  url: "/api/photos/1/file",
  thumbnailUrl: "/api/photos/1/thumbnail",
};

let entry = 0;

function told<Name extends keyof Events>(event: Name, data: Partial<Events[Name]>): Told {
  entry += 1;
  return { id: `${entry}-0`, event, data: { photoId: 1, message: "…", ...data } } as Told;
}

function at(stage: string, progress: number, more: Partial<Events["photo:progress"]> = {}): Told {
  return told("photo:progress", { jobId: "job-1", stage, progress, attempt: 1, ...more });
}

function after(...events: Told[]): Live {
  const map = events.reduce<LiveMap>((before, each) => merge(before, each, NOW), new Map());
  const live = map.get(1);
  if (!live) throw new Error("nothing is known of photo 1");
  return live;
}

test("a photo tells of stages that were added, and they are kept to its end", () => {
  const faces = { label: "Visages", icon: "scan-face" };
  const added = [{ id: "faces", progress: 20, ...faces }];
  const ended = told("photo:complete", { photo: { ...PHOTO, status: "complete" } });
  expect(after(at("faces", 20, faces), at("ai", 30)).added).toEqual(added);
  expect(after(at("faces", 20, faces), at("faces", 20, faces), ended).added).toEqual(added);
  expect(after(at("ai", 30)).added).toBeUndefined();
});

test("a photo goes through its stages to its end", () => {
  const done: Photo = {
    ...PHOTO,
    status: "complete",
    processing: false,
    stage: "done",
    progress: 100,
  };
  expect(after(at("analyzing", 10), at("ai", 30))).toMatchObject({
    status: "processing",
    stage: "ai",
    progress: 30,
    jobId: "job-1",
  });
  expect(
    after(at("ai", 30), told("photo:complete", { photo: done, message: "2 tags" })),
  ).toMatchObject({
    status: "complete",
    progress: 100,
    message: "2 tags",
    photo: done,
  });
});

test("progress of one job never goes back, not even with another attempt", () => {
  const retried = told("photo:retrying", {
    attempt: 1,
    maxAttempts: 3,
    retryInMs: 1000,
    error: "x",
  });
  expect(after(at("saving", 70), retried, at("analyzing", 10, { attempt: 2 }))).toMatchObject({
    stage: "analyzing",
    progress: 70,
    attempt: 2,
  });
});

test("another job of the photo begins anew", () => {
  expect(after(at("saving", 70), at("analyzing", 10, { jobId: "job-2" })).progress).toBe(10);
});

test("a photo that waits has a place, which is gone once it is its turn", () => {
  const waiting = after(at("queued", 0, { position: 3, etaSeconds: 12.5 }));
  expect(waiting).toMatchObject({ status: "queued", position: 3, etaSeconds: 12.5 });
  const begun = after(at("queued", 0, { position: 1, etaSeconds: 2 }), at("analyzing", 10));
  expect(begun.position).toBeUndefined();
  expect(begun.etaSeconds).toBeUndefined();
});

test("a retry says when, and an error why", () => {
  const retrying = told("photo:retrying", {
    attempt: 1,
    maxAttempts: 3,
    retryInMs: 1000,
    error: "x",
  });
  expect(after(retrying)).toMatchObject({
    status: "retrying",
    retryAt: NOW + 1000,
    maxAttempts: 3,
  });
  const failed = after(
    retrying,
    told("photo:error", { error: "no", code: "provider_auth", attempts: 1 }),
  );
  expect(failed).toMatchObject({
    status: "error",
    error: { code: "provider_auth", message: "no" },
  });
  expect(failed.retryAt).toBeUndefined();
});

test("a snapshot takes the place of what was told before, but not of the bar", () => {
  const snapshot = (photo: Photo) =>
    told("snapshot", { reason: "watched", photos: [photo], missing: [] });
  expect(after(at("saving", 70), snapshot(PHOTO))).toMatchObject({ stage: "ai", progress: 70 });
  expect(after(snapshot({ ...PHOTO, status: "cancelled" })).status).toBe("cancelled");
});

test("a photo that is no more is gone", () => {
  expect(
    after(at("ai", 30), told("snapshot", { reason: "watched", photos: [], missing: [1] })),
  ).toMatchObject({
    status: "gone",
  });
});

test("what is told of a batch changes no photo", () => {
  const before: LiveMap = new Map([[1, ofPhoto(PHOTO)]]);
  expect(merge(before, told("batch:progress", { batchId: "b" }), NOW)).toBe(before);
});

test("what an answer says of a job does not undo what its events have said before", () => {
  const accepted = { id: 1, jobId: "job-1", message: "Photo uploadée" };
  expect(begun(accepted, undefined, undefined)).toMatchObject({ ...accepted, status: "queued" });

  const complete = ofPhoto({ ...PHOTO, status: "complete", stage: "done", progress: 100 });
  expect(begun(accepted, complete, undefined)).toBeUndefined();
  expect(begun(accepted, { ...complete, status: "error" }, undefined)).toBeUndefined();
});

test("a job that is put back begins anew under its id, unless its events are there", () => {
  const failed: Live = { ...ofPhoto(PHOTO), status: "error" };
  const again = { id: 1, jobId: "job-1" };
  expect(begun(again, failed, failed)).toMatchObject({ status: "queued" });
  expect(begun(again, { ...failed }, failed)).toBeUndefined();
  expect(begun({ id: 1, jobId: "job-2" }, failed, undefined)).toMatchObject({ progress: 0 });
});
