/**
 * What the queue page asks for again and again: every two seconds while it is seen, not at all
 * while it is not, ever less often while no answer comes.
 */

import { type Query, queryOptions } from "@tanstack/react-query";
import { ApiError } from "../../api/problems.ts";
import { queryClient, refreshPhotos } from "../../api/queries.ts";
import { api } from "../../api/routes.ts";
import type { ListedState } from "../../api/types.ts";
import { EVERY_MS, pauseMs } from "./fresh.ts";

/** How many jobs a page of the list has. */
export const ROWS = 12;

const polled = {
  staleTime: 0,
  gcTime: 60_000,
  // A fault that stays, such as a key that is missing, waits for the person.
  refetchInterval: ({ state }: Pick<Query, "state">) => state.status !== "error" && EVERY_MS,
  retry: (_failures: number, error: Error) => error instanceof ApiError && error.passing,
  retryDelay: (failures: number, error: Error) =>
    pauseMs(failures, error instanceof ApiError ? error.retryAfterMs : 0),
};

export const queuesQuery = queryOptions({
  ...polled,
  queryKey: ["queues"],
  queryFn: ({ signal }) => api.queues(signal),
});

export const statisticsQuery = queryOptions({
  ...polled,
  queryKey: ["statistics"],
  queryFn: ({ signal }) => api.statistics(signal),
});

/** A page of the list. What was there before stays until it comes, if it was of this state. */
export function jobsQuery(state: ListedState, cursor: string | undefined) {
  return queryOptions({
    ...polled,
    queryKey: ["jobs", state, cursor],
    queryFn: ({ signal }) => api.jobs({ state, cursor, limit: ROWS }, signal),
    placeholderData: (before, query) => (query?.queryKey[1] === state ? before : undefined),
  });
}

/** A job with its attempts, for as long as they are shown. */
export function jobQuery(id: string) {
  return queryOptions({
    ...polled,
    queryKey: ["job", id],
    queryFn: ({ signal }) => api.job(id, signal),
  });
}

/** Ask at once: something was done to a job or to the queue. */
export async function refresh(): Promise<void> {
  const [first] = queuesQuery.queryKey;
  await Promise.all([
    ...[first, "jobs", "job"].map((key) => queryClient.invalidateQueries({ queryKey: [key] })),
    refreshPhotos(),
  ]);
}
