/**
 * What this tab has uploaded and follows: a group for each selection of files, an item a photo.
 *
 * Kept for the session, so that a reload finds them again: the photos that were accepted by
 * then, for the browser has forgotten the files themselves.
 */

import { create } from "zustand";
import type { Photo } from "../api/types.ts";
import { session } from "../app/storage.ts";
import { unique } from "../app/unique.ts";
import { watch } from "../live/store.ts";
import { nameOf } from "../photos/name.ts";

export interface Item {
  readonly key: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** An object URL of the file. */
  readonly preview?: string;
  readonly sending: "waiting" | "sending" | "sent" | "refused" | "cancelled";
  /** Of its bytes, how much has left; 0 to 1. */
  readonly share: number;
  readonly refusal?: Refusal | undefined;
  /** Once it was accepted. */
  readonly photoId?: number;
  readonly jobId?: string;
}

export interface Refusal {
  readonly code: string;
  readonly detail: string;
  /** The same file may be sent again. */
  readonly passing: boolean;
}

export interface Group {
  readonly key: string;
  readonly items: readonly Item[];
  readonly batchIds: readonly string[];
  /** Why its files cannot be sent at this moment, as a problem's code; it is tried again. */
  readonly interrupted?: string | undefined;
}

interface Groups {
  readonly groups: readonly Group[];
  /** The group whose modal is open. */
  readonly open: string | undefined;
}

const STORED = "tagline.groups";

export const useGroups = create<Groups>(() => ({ groups: [], open: undefined }));

export function addGroup(items: readonly Item[]): string {
  const key = unique();
  const group: Group = { key, items, batchIds: [] };
  useGroups.setState(({ groups }) => ({ groups: [...groups, group], open: key }));
  return key;
}

export function changeGroup(key: string, change: (group: Group) => Partial<Group>): void {
  useGroups.setState(({ groups }) => ({
    groups: groups.map((each) => (each.key === key ? { ...each, ...change(each) } : each)),
  }));
}

/** Change items of a group; those for which there is no change stay the same objects. */
export function changeItems(key: string, change: (item: Item) => Partial<Item> | undefined): void {
  changeGroup(key, (group) => ({
    items: group.items.map((item) => {
      const changes = change(item);
      return changes ? { ...item, ...changes } : item;
    }),
  }));
}

export function openGroup(key: string | undefined): void {
  useGroups.setState({ open: key });
}

/** Forget a group; its photos go on. */
export function dropGroup(key: string): void {
  useGroups.setState(({ groups, open }) => {
    for (const { preview } of groups.find((each) => each.key === key)?.items ?? []) {
      if (preview) URL.revokeObjectURL(preview);
    }
    return {
      groups: groups.filter((each) => each.key !== key),
      open: open === key ? undefined : open,
    };
  });
}

export function groupOf(key: string): Group | undefined {
  return useGroups.getState().groups.find((each) => each.key === key);
}

/** Return group and item of a photo that this tab follows. */
export function itemOf(photoId: number): { group: Group; item: Item } | undefined {
  for (const group of useGroups.getState().groups) {
    const item = group.items.find((each) => each.photoId === photoId);
    if (item) return { group, item };
  }
  return undefined;
}

/** Open the modal of a photo in work, whoever uploaded it. */
export function openPhoto(photo: Photo): void {
  const known = itemOf(photo.id);
  if (known) {
    openGroup(known.group.key);
    return;
  }
  watch(photo.id);
  addGroup([itemOfPhoto(photo)]);
}

/** Return a photo that the server has as an item. */
export function itemOfPhoto(photo: Photo): Item {
  return {
    key: `photo-${photo.id}`,
    name: nameOf(photo),
    sizeBytes: photo.size,
    sending: "sent",
    share: 1,
    photoId: photo.id,
    jobId: photo.jobId,
  };
}

/** Find again what the session has kept, and keep it from now on. */
export function restoreGroups(): void {
  const stored = parse(session.get(STORED));
  if (stored) {
    useGroups.setState(stored);
    for (const { photoId } of stored.groups.flatMap((group) => group.items)) {
      if (photoId !== undefined) watch(photoId);
    }
  }
  let kept = "";
  useGroups.subscribe((state) => {
    const now = JSON.stringify(keep(state));
    if (now === kept) return;
    kept = now;
    session.set(STORED, now);
  });
}

/** Return what a reload can find again: the photos that were accepted. */
export function keep({ groups, open }: Groups): Groups {
  const kept = groups
    .map((group) => ({
      ...group,
      interrupted: undefined,
      items: group.items
        .filter((item) => item.photoId !== undefined)
        .map(({ preview: _, ...item }) => item),
    }))
    .filter((group) => group.items.length > 0);
  return { groups: kept, open: kept.some((group) => group.key === open) ? open : undefined };
}

function parse(text: string | null): Groups | undefined {
  try {
    return text ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
