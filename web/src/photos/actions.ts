/** What is done with photos from the gallery and their page. Throws nothing: what fails is told. */

import { ApiError, explain } from "../api/problems.ts";
import { losePhoto, patchPhoto } from "../api/queries.ts";
import { api } from "../api/routes.ts";
import type { Photo, Priority } from "../api/types.ts";
import { messages } from "../i18n/locale.ts";
import { ended, type Live } from "../live/merge.ts";
import { expect, known, socketId, watch } from "../live/store.ts";
import { toast } from "../toasts/toasts.tsx";
import { cancelItem, revived } from "../upload/control.ts";
import { itemOfPhoto } from "../upload/groups.ts";
import { each } from "./each.ts";

export interface Again {
  priority: Priority;
  /** Ask the model even if its answer for these very bytes is known. */
  fresh: boolean;
}

/** Have photos analysed again; those in work are left to it. */
export async function retag(ids: readonly number[], again: Again): Promise<void> {
  const socket = await socketId();
  await toldFor(ids, async (id) => {
    const was = known(id);
    const { jobId } = await api.retag(id, socket, again);
    restarted(id, jobId, was);
  });
}

/** Try a photo again that has failed or was cancelled. */
export async function retry(photo: Photo): Promise<void> {
  await toldFor([photo.id], async (id) => {
    const was = known(id);
    const job = was?.jobId || photo.jobId;
    restarted(id, (await revived(job)) ?? (await api.retag(id, await socketId())).jobId, was);
  });
}

export async function cancel(photos: readonly Photo[]): Promise<void> {
  await each(photos, (photo) => cancelItem(itemOfPhoto(photo)));
}

/** Say whether a photo is in work, as far as this page has heard. */
export function inWork(photo: Photo): boolean {
  const live = known(photo.id);
  return live ? !ended(live) : photo.processing;
}

function restarted(id: number, jobId: string, was: Live | undefined): void {
  if (!expect({ id, jobId }, was)) return;
  watch(id);
  patchPhoto(id, { status: "queued", processing: true, progress: 0, error: null, jobId });
}

/** Do `work` for each of `ids`. One that is in work is left to it, one that is gone is lost. */
async function toldFor(ids: readonly number[], work: (id: number) => Promise<unknown>) {
  let failed = 0;
  let why: unknown;
  await each(ids, async (id) => {
    try {
      await work(id);
    } catch (error) {
      const code = error instanceof ApiError ? error.code : undefined;
      if (code === "not_found") losePhoto(id);
      if (code === "not_found" || code === "in_work") return;
      failed += 1;
      why = error;
    }
  });
  const { toast: say } = messages();
  if (!failed) return;
  const text = explain(why, messages());
  if (ids.length === 1) toast.error(text);
  else toast.error(say.failedMany(failed, ids.length), { text });
}
