/** What the gateway answers, as `/api/openapi.json` describes it. A photo is in `events.ts`. */

import type { Photo, Usage } from "../events.ts";

export type { Photo, Usage } from "../events.ts";
export type Status = Photo["status"];

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** Photos that look like one, the nearest first. */
export interface SimilarList {
  /** `distance`: in how many of 64 bits their hashes differ. */
  items: { photo: Photo; distance: number }[];
  /** False of a photo that is not analysed yet, or shows a plain surface. */
  comparable: boolean;
  /** There were too many to compare all of them. */
  truncated: boolean;
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
  usage: Usage | null;
  stageMs: Record<string, number>;
}

export interface JobDetails extends Job {
  attempts: JobAttempt[];
}

export interface Queue {
  name: string;
  /** `front`: what was given back by a worker, and goes first. */
  waiting: Record<Priority | "front", number>;
  active: number;
  delayed: number;
  dead: number;
  deadDropped: number;
  workers: number;
  paused: boolean;
}

interface Ends {
  accepted: number;
  complete: number;
  failed: number;
  cancelled: number;
}

/** Of a duration; null where nothing was measured. */
export interface Percentiles {
  count: number;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
}

export interface Minute extends Ends {
  /** When it began. */
  minute: string;
  /** From when a photo could be begun to when it was. */
  pickup: Percentiles;
  /** From when a photo came to when it was complete. */
  total: Percentiles;
}

/**
 * Whether a provider takes calls: `held` until it wants some again, `down` until it is tried,
 * `budget` until the day ends.
 */
export interface ProviderState {
  provider: string;
  state: "ok" | "held" | "down" | "budget";
  /** How long until then; null while a call is trying right now. */
  untilMs: number | null;
  inFlight: number;
  limit: number | null;
  waiting: number;
}

/** What calls have cost in a time. */
export interface Spent {
  usd: number;
  promptTokens: number;
  completionTokens: number;
  calls: number;
  /** Photos that calls were made for, each once a job. */
  photos: number;
}

/** What calls may cost in a day, by UTC. */
export interface Budget {
  usd: number;
  remainingUsd: number;
  /** What is left pays for no call. */
  spent: boolean;
  /** When the next day begins, RFC 3339. */
  endsAt: string;
  /** The provider asked until then; null: photos wait. */
  fallback: string | null;
}

export interface Cost {
  today: Spent & { day: string };
  /** The oldest first; the last is today. */
  last30Days: (Spent & { day: string })[];
  total: Spent;
  budget: Budget | null;
}

/** The last hour, and the cost. */
export interface Statistics extends Ends {
  /** Sixty, the oldest first; the last is under way. */
  minutes: Minute[];
  retries: number;
  /** Photos that had gone astray, and were put back. */
  reconciled: number;
  /** By code. */
  failures: Record<string, number>;
  pickup: Percentiles;
  stages: Record<string, Percentiles>;
  total: Percentiles;
  provider: {
    /** By provider. */
    calls: Record<string, number>;
    promptTokens: number;
    completionTokens: number;
    costUsd: number;
    cacheHits: number;
  };
  providers: ProviderState[];
  cost: Cost;
  sockets: Record<"websocket" | "socketio" | "sse", number>;
}
