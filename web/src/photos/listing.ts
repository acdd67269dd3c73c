/** The list of photos that is shown: fetched as it is scrolled, and dropped when it is far away. */

import { create } from "zustand";
import { useKey } from "../api/key.ts";
import { api, type PhotoFilter } from "../api/routes.ts";
import type { Page, Photo } from "../api/types.ts";
import { same } from "./filter.ts";
import { end, type Known, learned, type Mark, markFor, NOTHING, TOP, without } from "./known.ts";

const PAGE = 120;
/** Photos whose content is kept around those that are seen; of the others there is the id. */
const KEPT_AROUND = 480;

interface Listing {
  readonly filter: PhotoFilter;
  readonly known: Known;
  readonly photos: ReadonlyMap<number, Photo>;
  /** `filter` has not been answered: what is known is that of the filter before. */
  readonly pending: boolean;
  /** Why the last request failed; undefined once one has not. */
  readonly error: unknown;
  /** When the service has last answered, ms since 1970. */
  readonly answeredAt: number;
  /** The photo that the focus was on, or whose page was looked at last. */
  readonly active: number | undefined;
  /** It was its page: whoever comes back is to find it. */
  readonly looked: boolean;
}

export const useListing = create<Listing>(() => ({
  filter: {},
  known: NOTHING,
  photos: new Map(),
  pending: true,
  error: undefined,
  answeredAt: 0,
  active: undefined,
  looked: false,
}));

const { getState, setState } = useListing;
let leaving = new AbortController();
let asked = new Set<string>();

/** Show the photos that `filter` lets through. The same as before: look for newer ones. */
export function list(filter: PhotoFilter): void {
  if (same(filter, getState().filter) && !getState().pending) refresh();
  else restart(filter);
}

/** Look for photos that are newer than those known. */
export function refresh(): void {
  void fetchAt(TOP);
}

/** Fetch what comes after all that is known. */
export function more(): void {
  const mark = end(getState().known);
  if (mark && !getState().pending) void fetchAt(mark);
}

/** Have the content of the photos from index `first` to `last`, and drop what is far from them. */
export function need(first: number, last: number): void {
  const { known, photos, pending } = getState();
  if (pending) return;
  const missing = known.ids.slice(first, last + 1).find((id) => !photos.has(id));
  if (missing !== undefined) void fetchAt(markFor(known, missing));
  if (photos.size > 2 * KEPT_AROUND + PAGE + last - first) dropFar(first, last);
}

/** Put what became of a photo into the list, or take it out where the filter wants so. */
export function putListed(photo: Photo): void {
  const { photos, filter } = getState();
  if (filter.status && photo.status !== filter.status) dropListed(photo.id);
  else if (photos.has(photo.id)) setState({ photos: new Map(photos).set(photo.id, photo) });
}

export function patchListed(id: number, changes: Partial<Photo>): void {
  const photo = getState().photos.get(id);
  if (photo) putListed({ ...photo, ...changes });
}

export function dropListed(id: number): void {
  const photos = new Map(getState().photos);
  photos.delete(id);
  setState({ known: without(getState().known, id), photos });
}

export function setActive(active: number): void {
  setState({ active, looked: false });
}

export function setLooked(active: number): void {
  setState({ active, looked: true });
}

function restart(filter: PhotoFilter): void {
  leaving.abort();
  leaving = new AbortController();
  asked = new Set();
  setState({ filter, pending: true, error: undefined });
  refresh();
}

// Another key is another person's photos.
useKey.subscribe((now, before) => {
  if (now.key === before.key) return;
  setState({ known: NOTHING, photos: new Map() });
  restart(getState().filter);
});

async function fetchAt(mark: Mark): Promise<void> {
  const mine = asked;
  const key = mark.cursor ?? "";
  if (mine.has(key)) return;
  mine.add(key);
  const { signal } = leaving;
  try {
    const { filter } = getState();
    const page = await api.photos({ ...filter, cursor: mark.cursor, limit: PAGE }, signal);
    if (!signal.aborted) take(mark, page);
  } catch (error) {
    if (!signal.aborted) setState({ error });
  } finally {
    mine.delete(key);
  }
}

function take(mark: Mark, { items, nextCursor }: Page<Photo>): void {
  const { pending, ...before } = getState();
  const photos = new Map(pending ? [] : before.photos);
  for (const photo of items) photos.set(photo.id, photo);
  const ids = items.map((photo) => photo.id);
  const known = learned(pending ? NOTHING : before.known, mark, ids, nextCursor);
  setState({ known, photos, pending: false, error: undefined, answeredAt: Date.now() });
}

function dropFar(first: number, last: number): void {
  const { known, photos, active } = getState();
  const newest = known.ids[first - KEPT_AROUND] ?? Number.POSITIVE_INFINITY;
  const oldest = known.ids[last + KEPT_AROUND] ?? 0;
  const near = [...photos].filter(([id]) => (id <= newest && id >= oldest) || id === active);
  if (near.length < photos.size) setState({ photos: new Map(near) });
}
