/** Uploads a selection of files: refuses what cannot be taken, sends the rest, tries again. */

import { askKey, currentKey } from "../api/key.ts";
import { ApiError } from "../api/problems.ts";
import { refreshPhotos } from "../api/queries.ts";
import type { Accepted } from "../api/types.ts";
import { config } from "../app/config.ts";
import { unique } from "../app/unique.ts";
import { expect, known, socketId, watch } from "../live/store.ts";
import { shownName } from "../photos/name.ts";
import { toastEnd, toastHeard, toastRefused, toastSending, toastUnsent } from "../toasts/photos.ts";
import {
  addGroup,
  changeGroup,
  changeItems,
  groupOf,
  type Item,
  type Refusal,
  useGroups,
} from "./groups.ts";
import { faultOf } from "./judge.ts";
import { send } from "./send.ts";
import { shares } from "./shares.ts";

/** In ms. Without a connection it is tried again after so long, and whenever there may be one. */
const PAUSES = [1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000];
/** A photo of which nothing has been heard for so long after it was accepted is asked for. */
const UNHEARD_MS = 2_000;

const files = new Map<string, File>();
const aborts = new Map<string, AbortController>();

/** Upload what was dropped, pasted or picked, as one group, and show it. */
export function upload(chosen: readonly File[]): void {
  if (!chosen.length) return;
  const items = chosen.map(itemOf);
  const group = addGroup(items);
  for (const item of items) if (item.refusal) toastRefused(item);
  void begin(group);
}

async function begin(group: string): Promise<void> {
  await judge(group);
  toastSending(group);
  await sendAll(group);
}

/** Send the items of a group that wait, also those that were put back to be sent again. */
export async function sendAll(group: string): Promise<void> {
  if (aborts.get(group)?.signal.aborted === false) return; // who sends them comes to these, too
  const abort = new AbortController();
  aborts.set(group, abort);
  const { maxBatch } = config();
  for (;;) {
    const waiting = waitingIn(group);
    if (!waiting.length || abort.signal.aborted) break;
    await sendBatch(group, waiting.slice(0, maxBatch), abort.signal);
  }
  if (aborts.get(group) === abort) aborts.delete(group);
}

/**
 * Refuse what is no photo before it is sent: a batch is all or nothing, and would be sent anew for
 * each video that lies between its photos.
 */
async function judge(group: string): Promise<void> {
  const judged = waitingIn(group).map(async ({ key }) => {
    const file = files.get(key);
    return [key, file && (await faultOf(file))] as const;
  });
  const faults = new Map(await Promise.all(judged));
  for (const item of waitingIn(group)) {
    const code = faults.get(item.key);
    if (code) refuse(group, [item], { code, detail: "", passing: false });
  }
}

function waitingIn(group: string): readonly Item[] {
  return groupOf(group)?.items.filter((item) => item.sending === "waiting") ?? [];
}

function refuse(group: string, items: readonly Item[], refusal: Refusal): void {
  const keys = new Set(items.map((item) => item.key));
  changeItems(group, ({ key }) => (keys.has(key) ? { sending: "refused", refusal } : undefined));
  for (const item of items) toastRefused({ ...item, refusal });
  toastEnd(group);
}

/** Stop sending what has not been accepted yet. */
export function cancelSending(group: string): void {
  aborts.get(group)?.abort();
  for (const item of groupOf(group)?.items.filter(isUnsent) ?? []) toastUnsent(item);
  changeItems(group, (item) => (isUnsent(item) ? { sending: "cancelled" } : undefined));
  changeGroup(group, () => ({ interrupted: undefined }));
  toastEnd(group);
}

/** Whether there are files that have not arrived, which leaving the page would lose. */
export function isSending(): boolean {
  return useGroups.getState().groups.some(({ items }) => items.some(isUnsent));
}

function isUnsent({ sending }: Item): boolean {
  return sending === "waiting" || sending === "sending";
}

function itemOf(file: File): Item {
  const key = unique();
  files.set(key, file);
  const refusal = refusalOf(file);
  return {
    key,
    name: shownName(file.name),
    sizeBytes: file.size,
    preview: URL.createObjectURL(file),
    sending: refusal ? "refused" : "waiting",
    share: 0,
    ...(refusal && { refusal }),
  };
}

/** Return why the server would refuse a file, as far as that can be told without sending it. */
function refusalOf(file: File): Refusal | undefined {
  if (!file.size) return { code: "empty", detail: "", passing: false };
  if (file.size > config().maxUploadBytes) return { code: "too_large", detail: "", passing: false };
  return undefined;
}

/** Send `items` in one request; one that is refused is taken out, for the next request. */
async function sendBatch(group: string, items: readonly Item[], signal: AbortSignal) {
  const keys = new Set(items.map((item) => item.key));
  const change = (what: Partial<Item>) =>
    changeItems(group, (item) => (keys.has(item.key) ? what : undefined));
  change({ sending: "sending", share: 0 });
  try {
    accept(group, items, await persist(group, items, signal));
  } catch (error) {
    if (signal.aborted) return; // and said to be so
    changeGroup(group, () => ({ interrupted: undefined }));
    const problem = error instanceof ApiError ? error : new ApiError(0, {});
    const { code, detail, passing } = problem;
    const named = problem.index === undefined ? undefined : items[problem.index];
    const refused = named ? [named] : items;
    change({ sending: "waiting", share: 0 });
    refuse(group, refused, { code, detail, passing: passing || code === "unauthorized" });
  }
}

function accept(group: string, items: readonly Item[], accepted: readonly Accepted[]): void {
  const byKey = new Map(items.map((item, index) => [item.key, accepted[index]]));
  const batchId = accepted[0]?.batchId;
  changeGroup(group, ({ batchIds }) => ({
    batchIds: batchId ? [...batchIds, batchId] : batchIds,
    interrupted: undefined,
  }));
  changeItems(group, ({ key }) => {
    const photo = byKey.get(key);
    if (!photo) return undefined;
    files.delete(key);
    return { sending: "sent", share: 1, photoId: photo.id, jobId: photo.jobId };
  });
  for (const { id, jobId, batchId: batch, message } of accepted) {
    if (!expect({ id, jobId, batchId: batch ?? null, message })) toastHeard(id);
  }
  void refreshPhotos();
  setTimeout(() => {
    for (const { id } of accepted) {
      const live = known(id);
      if (!live?.attempt && live?.position === undefined) watch(id);
    }
  }, UNHEARD_MS);
}

/** Send one request, again and again while that may help. */
async function persist(
  group: string,
  items: readonly Item[],
  signal: AbortSignal,
): Promise<Accepted[]> {
  const idempotencyKey = unique();
  const sizes = items.map((item) => item.sizeBytes);
  const place = new Map(items.map((item, index) => [item.key, index]));
  const sent = items.map((item) => files.get(item.key)).filter((file) => file !== undefined);
  for (let tries = 0; ; tries++) {
    const key = currentKey();
    try {
      return await send(sent, {
        idempotencyKey,
        key,
        socketId: await socketId(),
        signal,
        onBytes: (bytes, total) => {
          const now = shares(sizes, bytes, total);
          if (groupOf(group)?.interrupted) changeGroup(group, () => ({ interrupted: undefined }));
          changeItems(group, ({ key: of, share: before }) => {
            const share = now[place.get(of) ?? -1] ?? before;
            return share === before ? undefined : { share };
          });
        },
      });
    } catch (error) {
      if (!(error instanceof ApiError) || signal.aborted) throw error;
      if (error.status === 401 && (await askKey(key))) continue;
      const pause = PAUSES[tries];
      if (!error.passing || pause === undefined) throw error;
      changeGroup(group, () => ({ interrupted: error.code }));
      await online(error.retryAfterMs || pause, signal);
    }
  }
}

/** Wait `ms`, less if the browser says that there is a network again. */
function online(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal.addEventListener("abort", done, { once: true });
  });
}
