/** The answers that are kept (TanStack Query): their keys, how long they hold, how they change. */

import { type InfiniteData, QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useLocale } from "../i18n/locale.ts";
import { ApiError } from "./problems.ts";
import { api, type PhotoFilter } from "./routes.ts";
import type { Page, Photo } from "./types.ts";

const PAGE = 60;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      retry: (count, error) => count < 3 && error instanceof ApiError && error.passing,
    },
  },
});

export const keys = {
  photos: ["photos"] as const,
  list: (filter: PhotoFilter) => ["photos", filter] as const,
  photo: (id: number) => ["photo", id] as const,
  stages: (locale: string) => ["stages", locale] as const,
};

type List = InfiniteData<Page<Photo>, string | undefined>;

/** The photos that `filter` lets through, newest first, page by page. */
export function usePhotos(filter: PhotoFilter = {}) {
  return useInfiniteQuery({
    queryKey: keys.list(filter),
    queryFn: ({ pageParam, signal }) =>
      api.photos({ ...filter, cursor: pageParam, limit: PAGE }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
  });
}

export function usePhoto(id: number) {
  return useQuery({ queryKey: keys.photo(id), queryFn: ({ signal }) => api.photo(id, signal) });
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

/** Put what became of a photo wherever it is shown, without asking. */
export function putPhoto(photo: Photo): void {
  queryClient.setQueryData(keys.photo(photo.id), photo);
  changeLists((photos) => photos.map((each) => (each.id === photo.id ? photo : each)));
}

/** Change what is kept of a photo, wherever it is. */
export function patchPhoto(id: number, changes: Partial<Photo>): void {
  const patched = (photo: Photo) => (photo.id === id ? { ...photo, ...changes } : photo);
  queryClient.setQueryData<Photo>(keys.photo(id), (photo) => photo && patched(photo));
  changeLists((photos) => photos.map(patched));
}

/** Take a photo off whatever shows it. */
export function dropPhoto(id: number): void {
  queryClient.removeQueries({ queryKey: keys.photo(id) });
  changeLists((photos) => photos.filter((each) => each.id !== id));
}

/** Ask anew for the lists that are shown: photos have come, or tags have changed. */
export function refreshPhotos(): Promise<void> {
  return queryClient.invalidateQueries({ queryKey: keys.photos });
}

function changeLists(change: (photos: Photo[]) => Photo[]): void {
  queryClient.setQueriesData<List>({ queryKey: keys.photos }, (list) =>
    list
      ? { ...list, pages: list.pages.map((page) => ({ ...page, items: change(page.items) })) }
      : list,
  );
}
