/** Which photos are shown, as the page's address says it: `?tag=chat&tag=jouet&status=error&q=ani`. */

import type { PhotoFilter } from "../api/routes.ts";
import type { Status } from "../api/types.ts";

export const STATUSES: readonly Status[] = [
  "queued",
  "processing",
  "complete",
  "error",
  "cancelled",
];

/** Return the filter of an address; what it does not understand it leaves out. */
export function filterOf(params: URLSearchParams): PhotoFilter {
  const tag = [...new Set(params.getAll("tag").map((name) => name.trim()))].filter(Boolean);
  const status = STATUSES.find((each) => each === params.get("status"));
  const q = params.get("q")?.trim();
  return { ...(tag.length && { tag }), ...(status && { status }), ...(q && { q }) };
}

export function paramsOf({ tag, status, q }: PhotoFilter): URLSearchParams {
  const params = new URLSearchParams(tag?.map((name) => ["tag", name]));
  if (status) params.set("status", status);
  if (q) params.set("q", q);
  return params;
}

/** Return the address of the gallery with `filter`. */
export function galleryAt(filter: PhotoFilter): string {
  const params = paramsOf(filter);
  return params.size ? `/?${params}` : "/";
}

export function isFiltered(filter: PhotoFilter): boolean {
  return paramsOf(filter).size > 0;
}

export function same(one: PhotoFilter, other: PhotoFilter): boolean {
  return String(paramsOf(one)) === String(paramsOf(other));
}
