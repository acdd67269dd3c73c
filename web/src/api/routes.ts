/** The gateway's routes, one function each. All throw `ApiError`. */

import { ask } from "./client.ts";
import type {
  Accepted,
  Job,
  JobDetails,
  ListedState,
  Page,
  Photo,
  Priority,
  Queue,
  SimilarList,
  Stage,
  Statistics,
  Status,
  Tag,
} from "./types.ts";

export interface PhotoFilter {
  tag?: readonly string[];
  status?: Status | undefined;
  /** The start of any tag. */
  q?: string;
}

export const api = {
  photos: (
    filter: PhotoFilter & { cursor?: string | undefined; limit?: number },
    signal?: AbortSignal,
  ) => ask<Page<Photo>>("/api/photos", { query: { ...filter }, signal }),
  photo: (id: number, signal?: AbortSignal) => ask<Photo>(`/api/photos/${id}`, { signal }),
  similar: (id: number, limit: number, signal?: AbortSignal) =>
    ask<SimilarList>(`/api/photos/${id}/similar`, { query: { limit }, signal }),
  editTags: (id: number, tags: string[]) =>
    ask<Photo>(`/api/photos/${id}/tags`, { method: "PUT", body: { tags } }),
  retag: (id: number, socketId?: string, body: { priority?: Priority; fresh?: boolean } = {}) =>
    ask<Accepted>(`/api/photos/${id}/retag`, { method: "POST", body, socketId }),
  deletePhoto: (id: number) => ask<void>(`/api/photos/${id}`, { method: "DELETE" }),
  tags: (prefix: string, limit: number, signal?: AbortSignal) =>
    ask<{ items: Tag[] }>("/api/tags", { query: { prefix, limit }, signal }),
  stages: (signal?: AbortSignal) => ask<Stage[]>("/api/stages", { signal }),
  jobs: (
    of: { state: ListedState; cursor?: string | undefined; limit?: number },
    signal?: AbortSignal,
  ) => ask<Page<Job>>("/api/jobs", { query: { ...of }, signal }),
  job: (id: string, signal?: AbortSignal) => ask<JobDetails>(`/api/jobs/${id}`, { signal }),
  cancelJob: (id: string) => ask<JobDetails>(`/api/jobs/${id}/cancel`, { method: "POST" }),
  retryJob: (id: string) => ask<JobDetails>(`/api/jobs/${id}/retry`, { method: "POST" }),
  dropJob: (id: string) => ask<void>(`/api/jobs/${id}`, { method: "DELETE" }),
  queues: (signal?: AbortSignal) => ask<{ items: Queue[] }>("/api/queues", { signal }),
  pauseQueue: (name: string) => ask<Queue>(`/api/queues/${name}/pause`, { method: "POST" }),
  resumeQueue: (name: string) => ask<Queue>(`/api/queues/${name}/resume`, { method: "POST" }),
  statistics: (signal?: AbortSignal) => ask<Statistics>("/api/stats", { signal }),
  cancelBatch: (id: string) => ask<unknown>(`/api/batches/${id}/cancel`, { method: "POST" }),
};
