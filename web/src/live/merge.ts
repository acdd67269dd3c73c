/** What is known of a photo in work, and how each event changes it. Pure. */

import type { Stage } from "../api/types.ts";
import type { Events, Photo, Told } from "../events.ts";

export type LiveStatus =
  | "queued"
  | "processing"
  | "retrying"
  | "complete"
  | "error"
  | "cancelled"
  | "gone";

export interface Live {
  readonly id: number;
  readonly jobId: string;
  readonly batchId: string | null;
  readonly status: LiveStatus;
  readonly stage: string | null;
  /** Percent; of one job it never goes back, whichever attempt it is. */
  readonly progress: number;
  readonly message: string;
  readonly attempt: number;
  /** The stages it has been through that were added to the tagger, as it has told them itself. */
  readonly added?: readonly Stage[];
  /** Place in the line and about how long until its turn, while it waits. */
  readonly position?: number;
  readonly etaSeconds?: number;
  /** When it is tried again, ms since 1970, and the most attempts. */
  readonly retryAt?: number;
  readonly maxAttempts?: number;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Once HTTP or `photo:complete` has told it. */
  readonly photo?: Photo;
}

export type LiveMap = ReadonlyMap<number, Live>;

export function ended(live: Live): boolean {
  return ["complete", "error", "cancelled", "gone"].includes(live.status);
}

/** Return `map` after what was told; the same map if that changes nothing. `now`: ms since 1970. */
export function merge(map: LiveMap, told: Told, now: number): LiveMap {
  const next = new Map(map);
  switch (told.event) {
    case "snapshot":
      for (const photo of told.data.photos) next.set(photo.id, ofPhoto(photo, map.get(photo.id)));
      for (const id of told.data.missing)
        next.set(id, { ...blank(id, map.get(id)), status: "gone" });
      return next;
    case "photo:progress":
    case "photo:retrying":
    case "photo:complete":
    case "photo:error":
    case "photo:cancelled":
      next.set(
        told.data.photoId,
        changed(blank(told.data.photoId, map.get(told.data.photoId)), told, now),
      );
      return next;
    default:
      return map;
  }
}

/** Return what is live of a photo that HTTP has given, after what was known `before`. */
export function ofPhoto(photo: Photo, before?: Live): Live {
  const same = before?.jobId === photo.jobId ? before : undefined;
  const waits = photo.status === "queued" || photo.status === "processing";
  return {
    id: photo.id,
    jobId: photo.jobId,
    batchId: photo.batchId,
    status: same?.status === "retrying" && waits ? "retrying" : photo.status,
    stage: photo.stage,
    progress: Math.max(photo.progress, same?.progress ?? 0),
    message: same?.status === photo.status ? same.message : "",
    attempt: same?.attempt ?? 0,
    error: photo.error,
    photo,
    ...(same?.added && { added: same.added }),
    ...(photo.status === "queued" && same && place(same)),
    ...(same?.retryAt !== undefined && waits && { retryAt: same.retryAt }),
  };
}

/**
 * Return what is live of a photo whose job has begun, as its answer says; undefined if events were
 * faster, the last one maybe. `before`: what is known now; `was`: what was known when the job was
 * asked for, for one that is put back keeps its id.
 */
export function begun(
  live: Pick<Live, "id" | "jobId"> & Partial<Live>,
  before: Live | undefined,
  was: Live | undefined,
): Live | undefined {
  const ofIt = before && (before.jobId === live.jobId || before.jobId === "");
  if (ofIt && (before !== was || !ended(before))) return undefined;
  return {
    batchId: before?.batchId ?? null,
    status: "queued",
    stage: null,
    progress: before?.jobId === live.jobId ? before.progress : 0,
    message: "",
    attempt: before?.attempt ?? 0,
    error: null,
    ...(before?.photo && { photo: before.photo }),
    ...live,
  };
}

type PhotoTold = Exclude<Told, { event: "snapshot" | "batch:progress" | "batch:complete" }>;

function changed(live: Live, told: PhotoTold, now: number): Live {
  const { position: _, etaSeconds: __, retryAt: ___, ...rest } = live;
  const base = { ...rest, message: told.data.message, error: null };
  switch (told.event) {
    case "photo:progress":
      return progressed(base, told.data);
    case "photo:retrying":
      return {
        ...base,
        status: "retrying",
        attempt: told.data.attempt,
        maxAttempts: told.data.maxAttempts,
        retryAt: now + told.data.retryInMs,
        error: { code: "", message: told.data.error },
      };
    case "photo:complete":
      return {
        ...ofPhoto(told.data.photo, live),
        status: "complete",
        progress: 100,
        message: base.message,
      };
    case "photo:error":
      return {
        ...base,
        status: "error",
        error: { code: told.data.code, message: told.data.error },
      };
    case "photo:cancelled":
      return { ...base, status: "cancelled" };
  }
}

function progressed(live: Live, data: Events["photo:progress"]): Live {
  const same = live.jobId === data.jobId || live.jobId === "";
  return {
    ...live,
    jobId: data.jobId,
    batchId: data.batchId ?? live.batchId,
    status: data.stage === "queued" ? "queued" : "processing",
    stage: data.stage,
    progress: Math.max(data.progress, same ? live.progress : 0),
    attempt: data.attempt,
    ...added(live, data),
    ...place(data),
  };
}

function added(live: Live, { stage, progress, label, icon }: Events["photo:progress"]) {
  if (label === undefined) return {};
  const others = live.added?.filter((each) => each.id !== stage) ?? [];
  return { added: [...others, { id: stage, progress, label, icon: icon ?? "" }] };
}

function place(of: { position?: number; etaSeconds?: number }) {
  return {
    ...(of.position !== undefined && { position: of.position }),
    ...(of.etaSeconds !== undefined && { etaSeconds: of.etaSeconds }),
  };
}

function blank(id: number, before: Live | undefined): Live {
  return (
    before ?? {
      id,
      jobId: "",
      batchId: null,
      status: "queued",
      stage: null,
      progress: 0,
      message: "",
      attempt: 0,
      error: null,
    }
  );
}
