/** What the gateway answers, as `/api/openapi.json` describes it. A photo is in `events.ts`. */

import type { Photo } from "../events.ts";

export type { Photo } from "../events.ts";
export type Status = Photo["status"];

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** A step of the tagger's pipeline, in its language. */
export interface Stage {
  id: string;
  /** Where the bar stands when it begins, percent. */
  progress: number;
  label: string;
  /** A name of the Lucide icon set. */
  icon: string;
}

export interface Accepted {
  id: number;
  filename: string;
  jobId: string;
  message: string;
  batchId?: string;
}

export interface AcceptedBatch {
  batchId: string;
  photos: Accepted[];
  message: string;
}

export interface Tag {
  id: number;
  name: string;
  count: number;
}

export type Priority = "high" | "normal" | "low";
export type ListedState = "waiting" | "active" | "delayed" | "dead";

/** A tagging message. Times are RFC 3339. */
export interface Job {
  jobId: string;
  photoId: number;
  batchId: string | null;
  queue: string;
  priority: Priority;
  state: ListedState | "complete" | "cancelled";
  /** The number of starts so far. */
  attempt: number;
  enqueuedAt: string;
  startedAt: string | null;
  endedAt: string | null;
  /** When a delayed one goes on. */
  dueAt: string | null;
  error: { code: string; message: string } | null;
}

export interface JobAttempt {
  attempt: number;
  startedAt: string;
  endedAt: string | null;
  result: "complete" | "error" | "retry" | "lost" | null;
  error: { code: string; message: string } | null;
  cached: boolean;
  providerCalls: number;
  stageMs: Record<string, number>;
}

export interface JobDetails extends Job {
  attempts: JobAttempt[];
}

export interface Queue {
  name: string;
  waiting: Record<Priority, number>;
  active: number;
  delayed: number;
  dead: number;
  deadDropped: number;
  workers: number;
  paused: boolean;
}
