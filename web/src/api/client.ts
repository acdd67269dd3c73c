/** Requests to the gateway: JSON, the key, the language, errors as `ApiError`. */

import { locale } from "../i18n/locale.ts";
import { askKey, currentKey } from "./key.ts";
import { ApiError, problemOf } from "./problems.ts";

export interface Asked {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Sent as JSON. */
  body?: unknown;
  query?: Record<string, string | number | readonly string[] | undefined>;
  /** Where the events of this are to go. */
  socketId?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Ask the gateway; resolves to the answer's JSON, undefined where it has none.
 *
 * Where the server wants a key, the person is asked for it and the request is made again.
 * Throws `ApiError`, or the signal's reason.
 */
export async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  const response = await send(path, asked);
  const text = await response.text();
  return text && JSON.parse(text);
}

/** As `ask`, for bytes: an image that only the holder of a key may see. */
export async function askBlob(path: string, signal?: AbortSignal): Promise<Blob> {
  return (await send(path, { signal })).blob();
}

async function send(path: string, asked: Asked): Promise<Response> {
  for (;;) {
    const key = currentKey();
    const response = await once(path, asked, key);
    if (response.ok) return response;
    const problem = problemOf(
      response.status,
      await response.text(),
      response.headers.get("Retry-After"),
    );
    if (problem.status !== 401 || !(await askKey(key))) throw problem;
  }
}

async function once(path: string, asked: Asked, key: string | undefined): Promise<Response> {
  const headers = headersOf(key, asked.socketId);
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path + queryOf(asked.query), {
      method: asked.method ?? "GET",
      headers,
      ...(asked.body !== undefined && { body: JSON.stringify(asked.body) }),
      signal: asked.signal ?? null,
    });
  } catch (error) {
    if (asked.signal?.aborted) throw error;
    throw new ApiError(0, { detail: String(error) });
  }
}

/** Return the headers that every request has. */
export function headersOf(
  key: string | undefined,
  socketId: string | undefined,
): Record<string, string> {
  return {
    "Accept-Language": locale(),
    ...(key && { Authorization: `Bearer ${key}` }),
    ...(socketId && { "X-Socket-Id": socketId }),
  };
}

function queryOf(query: Asked["query"]): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === "") continue;
    for (const each of Array.isArray(value) ? value : [value]) params.append(name, String(each));
  }
  return params.size ? `?${params}` : "";
}
