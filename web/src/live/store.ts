/** The photos in work, live: fed by `progress.ts`, read by components. */

import { create } from "zustand";
import { currentKey, useKey } from "../api/key.ts";
import { dropPhoto, patchPhoto, putPhoto } from "../api/queries.ts";
import type { Photo } from "../api/types.ts";
import { config } from "../app/config.ts";
import type { Told } from "../events.ts";
import { follow, type Progress, type State } from "../progress.ts";
import { begun, ended, type Live, type LiveMap, merge, ofPhoto } from "./merge.ts";

interface LiveStore {
  photos: LiveMap;
  link: State;
}

export const useLive = create<LiveStore>(() => ({ photos: new Map(), link: "connecting" }));

type Listener = (after: Live, before: Live | undefined) => void;
const listeners = new Set<Listener>();
const watched = new Set<number>();
let progress: Progress | undefined;

/** Follow the notifier, from now on and for good; anew whenever another key is given. */
export function startLive(): void {
  connect();
  useKey.subscribe((now, before) => {
    if (now.key !== before.key) connect();
  });
}

function connect(): void {
  progress?.close();
  const key = currentKey();
  progress = follow(config().notifierUrl, {
    gateway: location.origin,
    ...(key && { key }),
    onEvent: take,
    onState: (link) => useLive.setState({ link }),
  });
  for (const id of watched) progress.watch(id);
}

function take(told: Told): void {
  const before = useLive.getState().photos;
  const photos = merge(before, told, Date.now());
  if (photos === before) return;
  useLive.setState({ photos });
  for (const [id, live] of photos) {
    if (live !== before.get(id)) tell(live, before.get(id));
  }
}

function tell(live: Live, before: Live | undefined): void {
  if (ended(live)) watched.delete(live.id);
  if (live.photo && live.photo !== before?.photo) putPhoto(live.photo);
  else if (live.status === "gone") dropPhoto(live.id);
  else if (live.status === "error" || live.status === "cancelled") {
    patchPhoto(live.id, { status: live.status, processing: false, error: live.error });
  }
  for (const listener of listeners) listener(live, before);
}

/** Call `listener` whenever something becomes known of a photo. Returns how to stop. */
export function onLive(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Return the socket ID to name at upload, undefined if there is no stream within `ms`. */
export function socketId(ms = 800): Promise<string | undefined> {
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, ms, undefined));
  return Promise.race([progress?.socketId.catch(() => undefined), late]);
}

/** Follow a photo until it ends, whoever uploaded it: what it is now comes as a snapshot. */
export function watch(id: number): void {
  if (watched.has(id)) return;
  watched.add(id);
  progress?.watch(id);
}

/** Follow those of `photos` that are in work. To be called with whatever is shown. */
export function watchAll(photos: readonly Photo[]): void {
  for (const photo of photos) if (photo.processing) watch(photo.id);
}

/** Return what is known of a photo at this moment. */
export function known(id: number): Live | undefined {
  return useLive.getState().photos.get(id);
}

/**
 * Say what a photo is before any event of its job has come: it was accepted, or is tried again.
 * `was`: what was known of it before. Returns false if events were faster, which then hold.
 */
export function expect(live: Pick<Live, "id" | "jobId"> & Partial<Live>, was?: Live): boolean {
  const before = known(live.id);
  const fresh = begun(live, before, was);
  if (!fresh) return false;
  useLive.setState(({ photos }) => ({ photos: new Map(photos).set(live.id, fresh) }));
  tell(fresh, before);
  return true;
}

/** In components: what is live of a photo, undefined if nothing is known. */
export function useLivePhoto(id: number | undefined): Live | undefined {
  return useLive((state) => (id === undefined ? undefined : state.photos.get(id)));
}

/** In components: a photo that HTTP gave, as it is at this moment. */
export function useNow(photo: Photo): Live {
  const live = useLivePhoto(photo.id);
  const newer = live && (live.jobId === photo.jobId || !ended(live) || photo.processing);
  return newer ? live : ofPhoto(photo);
}
