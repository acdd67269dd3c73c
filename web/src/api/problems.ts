/** What goes wrong with requests: the server's problem+json, or no answer at all. */

import type { Messages } from "../i18n/fr.ts";

/** An answer that is an error, or none: `status` 0, `code` network. */
export class ApiError extends Error {
  readonly status: number;
  /** A stable word; the catalogue's `problem` has its text. */
  readonly code: string;
  /** The server's own words. */
  readonly detail: string;
  /** Of an upload: which of its files was refused, from 0. */
  readonly index: number | undefined;
  readonly retryAfterMs: number;

  constructor(status: number, body: Partial<ApiError>, retryAfterMs = 0) {
    super(body.detail || body.code || `status ${status}`);
    this.status = status;
    this.code = body.code ?? (status ? "other" : "network");
    this.detail = body.detail ?? "";
    this.index = body.index;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may well succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 408 || this.status >= 500;
  }
}

/** Return the error of an answer with this status, body and Retry-After. */
export function problemOf(status: number, body: string, retryAfter: string | null): ApiError {
  const seconds = Number(retryAfter); // NaN if it is a date
  let problem: unknown;
  try {
    problem = JSON.parse(body);
  } catch {
    problem = {}; // not ours: a proxy's page, maybe
  }
  const members = typeof problem === "object" && problem !== null ? problem : {};
  return new ApiError(status, members, seconds > 0 ? seconds * 1000 : 0);
}

/** Return what a person reads of `error`. */
export function explain(error: unknown, messages: Messages): string {
  const code = error instanceof ApiError ? error.code : "other";
  return messages.problem[code] ?? messages.problem.other ?? "";
}
