/** Cancels and retries what a group holds. Throws nothing: what cannot be done is told. */

import { ApiError, explain } from "../api/problems.ts";
import { api } from "../api/routes.ts";
import type { Accepted } from "../api/types.ts";
import { messages } from "../i18n/locale.ts";
import { ended } from "../live/merge.ts";
import { expect, known, socketId, watch } from "../live/store.ts";
import { toast } from "../toasts/toasts.tsx";
import { changeItems, type Group, type Item } from "./groups.ts";
import { cancelSending, sendAll } from "./upload.ts";

/** Cancel all of a group that has not ended. */
export async function cancelGroup(group: Group): Promise<void> {
  cancelSending(group.key);
  if (group.batchIds.length) {
    await told(() => Promise.all(group.batchIds.map(api.cancelBatch)));
  } else {
    await Promise.all(group.items.map(cancelItem));
  }
}

export async function cancelItem({ jobId, photoId }: Item): Promise<void> {
  const live = photoId === undefined ? undefined : known(photoId);
  const job = live?.jobId || jobId;
  if (!job || (live && ended(live))) return;
  await told(() => api.cancelJob(job), ["job_ended"]);
}

/** Try again what of a group's `items` has failed, was cancelled or could not be sent. */
export async function retry(group: string, items: readonly Item[]): Promise<void> {
  const unsent = new Set(
    items.filter((item) => item.photoId === undefined).map((item) => item.key),
  );
  if (unsent.size) {
    changeItems(group, ({ key }) =>
      unsent.has(key) ? { sending: "waiting", share: 0, refusal: undefined } : undefined,
    );
    void sendAll(group);
  }
  await Promise.all(items.map((item) => told(() => retryPhoto(item), ["in_work", "not_found"])));
}

async function retryPhoto({ photoId, jobId }: Item): Promise<void> {
  if (photoId === undefined) return;
  const live = known(photoId);
  const job = live?.jobId || jobId;
  const id = job && live?.status === "error" ? await revived(job) : undefined;
  const next = id ?? (await again(photoId)).jobId;
  expect({ id: photoId, jobId: next, attempt: live?.attempt ?? 0 }, live);
  watch(photoId);
}

/** Have a photo analysed again; one that somebody has deleted is found to be gone. */
async function again(photoId: number): Promise<Accepted> {
  try {
    return await api.retag(photoId, await socketId());
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) watch(photoId);
    throw error;
  }
}

/** Put a dead job back; undefined if it is dead no more, or has been dropped. */
export async function revived(job: string): Promise<string | undefined> {
  try {
    return (await api.retryJob(job)).jobId;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 409))
      return undefined;
    throw error;
  }
}

async function told(work: () => Promise<unknown>, fine: readonly string[] = []): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ApiError && fine.includes(error.code)) return;
    toast.error(explain(error, messages()));
  }
}
