/** What an operator can do to jobs. */

import { ApiError, explain } from "../../api/problems.ts";
import { api } from "../../api/routes.ts";
import type { Job, ListedState } from "../../api/types.ts";
import { messages } from "../../i18n/locale.ts";
import { expect, known, watch } from "../../live/store.ts";
import { toast } from "../../toasts/toasts.tsx";
import { refresh } from "./polled.ts";

export type Action = "retry" | "cancel" | "drop";

export const ACTIONS: Record<ListedState, readonly Action[]> = {
  waiting: ["cancel"],
  active: ["cancel"],
  delayed: ["cancel"],
  dead: ["retry", "drop"],
};

const CALLS: Record<Action, (id: string) => Promise<unknown>> = {
  retry: api.retryJob,
  cancel: api.cancelJob,
  drop: api.dropJob,
};

/** Do it; false if the job's state has changed meanwhile. Throws `ApiError`. */
export async function act(action: Action, job: Job): Promise<boolean> {
  try {
    await CALLS[action](job.jobId);
    return true;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return false;
    throw error;
  }
}

/** Do it to one job, and tell what came of it. Throws nothing. */
export async function actAndTell(action: Action, job: Job): Promise<void> {
  const { action: say } = messages().queue;
  const id = `job-${job.jobId}`;
  const was = known(job.photoId);
  try {
    if (!(await act(action, job))) toast.info(say.late(job.photoId), { id });
    else if (action === "cancel") toast.cancelled(say.cancelled(job.photoId), { id });
    else if (action === "drop") toast.info(say.dropped(job.photoId), { id });
    else {
      toast.success(say.retried(job.photoId), { id });
      expect({ id: job.photoId, jobId: job.jobId, attempt: job.attempt }, was);
      watch(job.photoId);
    }
  } catch (error) {
    toast.error(say.failed(job.photoId), { id, text: explain(error, messages()) });
  }
  await refresh();
}
