/** The answers that are kept (TanStack Query): their keys, how long they hold, how they change. */

import { keepPreviousData, QueryClient, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useLocale } from "../i18n/locale.ts";
import { dropListed, patchListed, putListed, refresh, useListing } from "../photos/listing.ts";
import { ApiError } from "./problems.ts";
import { api } from "./routes.ts";
import type { Photo } from "./types.ts";

/** How often a photo is asked for again that could not be had. */
const AGAIN_MS = 4_000;
/** The most tags that are suggested. */
const SUGGESTED = 8;
/** The most photos that are shown as similar to one. */
const SIMILAR = 12;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      // Also without a network, or nothing is shown, not even that: what the browser says of it is no matter.
      networkMode: "always",
      refetchOnReconnect: true,
      retry: (count, error) => count < 3 && error instanceof ApiError && error.passing,
    },
  },
});

export const keys = {
  photo: (id: number) => ["photo", id] as const,
  job: (id: string) => ["job", id] as const,
  similar: (id: number) => ["similar", id] as const,
  stages: (locale: string) => ["stages", locale] as const,
  tags: (prefix: string, locale: string) => ["tags", locale, prefix] as const,
};

/**
 * A photo: at first as the gallery has it, or as it was answered long ago. `answered` once it is as
 * the server has it now.
 */
export function usePhoto(id: number) {
  const [since] = useState(Date.now);
  const { data, error, failureReason, isFetching, dataUpdatedAt } = useQuery({
    queryKey: keys.photo(id),
    queryFn: ({ signal }) => api.photo(id, signal),
    initialData: () => useListing.getState().photos.get(id),
    initialDataUpdatedAt: 0,
    // Else nothing on its page would ask again before somebody wants to.
    refetchInterval: ({ state: { error: why } }) =>
      why instanceof ApiError && why.passing && AGAIN_MS,
  });
  const asked = isFetching && dataUpdatedAt < since;
  return { data, error, failureReason, answered: dataUpdatedAt > 0 && !asked && !error };
}

/** The photos that look like one; asked for anew whenever its `state` changes. */
export function useSimilar(id: number, state: string) {
  return useQuery({
    queryKey: [...keys.similar(id), state],
    queryFn: ({ signal }) => api.similar(id, SIMILAR, signal),
  });
}

/** The pipeline as it runs now, in the page's language. Empty until a tagger has ever started. */
export function useStages() {
  const locale = useLocale();
  return useQuery({
    queryKey: keys.stages(locale),
    queryFn: ({ signal }) => api.stages(signal),
    staleTime: 5 * 60_000,
    placeholderData: (before) => before,
  });
}

/** The tags whose names start with `prefix`, most used first. */
export function useTags(prefix: string, enabled: boolean) {
  const locale = useLocale();
  return useQuery({
    queryKey: keys.tags(prefix, locale),
    queryFn: ({ signal }) => api.tags(prefix, SUGGESTED, signal),
    staleTime: 10_000,
    gcTime: 60_000,
    retry: false,
    enabled,
    placeholderData: keepPreviousData,
  });
}

/** The job that analysed a photo, with its attempts; asked for anew whenever `state` changes. */
export function useJob(id: string, state: string) {
  return useQuery({
    queryKey: [...keys.job(id), state],
    queryFn: ({ signal }) => api.job(id, signal),
    placeholderData: (before) => (before?.jobId === id ? before : undefined),
  });
}

/** Put what became of a photo wherever it is shown, without asking. */
export function putPhoto(photo: Photo): void {
  queryClient.setQueryData(keys.photo(photo.id), photo);
  putListed(photo);
}

/** Change what is kept of a photo, wherever it is. The rest of it is as old as it was. */
export function patchPhoto(id: number, changes: Partial<Photo>): void {
  const queryKey = keys.photo(id);
  const updatedAt = queryClient.getQueryState(queryKey)?.dataUpdatedAt ?? 0;
  const patched = (photo?: Photo) => photo && { ...photo, ...changes };
  queryClient.setQueryData<Photo>(queryKey, patched, { updatedAt });
  patchListed(id, changes);
}

/** Take a photo off whatever shows it. */
export function dropPhoto(id: number): void {
  queryClient.removeQueries({ queryKey: keys.photo(id) });
  dropListed(id);
}

/** Take a photo off the list that somebody else has deleted, and have its page say so. */
export function losePhoto(id: number): void {
  dropListed(id);
  void queryClient.invalidateQueries({ queryKey: keys.photo(id) });
}

/** Look for photos that have come. */
export async function refreshPhotos(): Promise<void> {
  refresh();
}

/** Ask anew what failed, without waiting for its turn. */
export async function askAnew(queryKey: readonly unknown[]): Promise<void> {
  await queryClient.cancelQueries({ queryKey });
  await queryClient.refetchQueries({ queryKey });
}
