import { useEffect, useMemo, useState } from "react";
import { useSearchParams } from "wouter";
import { ApiError } from "../api/problems.ts";
import type { PhotoFilter } from "../api/routes.ts";
import { Button } from "../design/Button.tsx";
import { ErrorNotice, Notice } from "../design/Notice.tsx";
import { time } from "../i18n/amounts.ts";
import { useLocale, useMessages } from "../i18n/locale.ts";
import { filterOf, isFiltered, paramsOf } from "../photos/filter.ts";
import { list, more, refresh, useListing } from "../photos/listing.ts";
import { nameOf } from "../photos/name.ts";
import { remove, useRemoved } from "../photos/removal.ts";
import { AddPhotos } from "../upload/AddPhotos.tsx";
import { EmptyArt } from "./EmptyArt.tsx";
import styles from "./Gallery.module.css";
import { Grid } from "./gallery/Grid.tsx";
import { SelectionBar } from "./gallery/SelectionBar.tsx";
import { limited, NONE } from "./gallery/selection.ts";
import { Tools } from "./gallery/Tools.tsx";
import { Waiting } from "./gallery/Waiting.tsx";

/** In ms: how often it is looked for photos that others have added, and for a service that was away. */
const LOOK_MS = 10_000;
const RETRY_MS = 4_000;

/** The photos, newest first; those in work are live. */
export function Gallery() {
  const { gallery } = useMessages();
  const [filter, setFilter] = useFilter();
  const { known, pending, error, answeredAt } = useListing();
  const removed = useRemoved((state) => state.ids);
  const ids = useMemo(
    () => (removed.size ? known.ids.filter((id) => !removed.has(id)) : known.ids),
    [known.ids, removed],
  );
  const [chosen, setSelection] = useState(NONE);
  const selection = limited(chosen, ids);
  useLooking(error);
  useEffect(() => {
    if (!pending && !ids.length && !known.whole) more(); // a page may hold none
  }, [pending, ids, known.whole]);
  const selecting = selection.ids.size > 0;
  const nothing = !answeredAt || (pending && !ids.length);
  const done = () => {
    setSelection(NONE);
    // What had the focus is gone: on with the photo that is at its place.
    requestAnimationFrame(() => {
      document.querySelector<HTMLElement>("[role=grid] a[tabindex='0']")?.focus();
    });
  };
  const deleteAll = (gone: readonly number[]) => {
    remove(gone, nameOfListed(gone[0]));
    done();
  };
  if (nothing && error) {
    return <ErrorNotice title={gallery.away} error={error} whole onRetry={refresh} />;
  }
  if (!nothing && !ids.length && !isFiltered(filter)) return <Empty />;
  return (
    <>
      <h1 className="unseen">{gallery.title}</h1>
      <div className={styles.head}>
        <Tools
          filter={filter}
          onFilter={setFilter}
          count={known.whole ? ids.length : undefined}
          covered={selecting}
        />
        {selecting && (
          <SelectionBar
            selection={selection}
            ids={ids}
            onSelect={setSelection}
            onDelete={deleteAll}
            onDone={done}
          />
        )}
      </div>
      {error !== undefined && !nothing && <Stale error={error} answeredAt={answeredAt} />}
      {nothing ? (
        <Waiting />
      ) : (
        <div className={styles.content} aria-busy={pending} data-pending={pending || undefined}>
          {ids.length ? (
            <Grid
              ids={ids}
              whole={known.whole}
              selection={selection}
              onSelect={setSelection}
              onDelete={deleteAll}
            />
          ) : (
            <NoneFound onClear={() => setFilter({})} />
          )}
        </div>
      )}
      <p className="unseen" role="status">
        {pending ? gallery.loading : known.whole ? gallery.count(ids.length) : ""}
      </p>
    </>
  );
}

/** The filter in the page's address. */
function useFilter(): [PhotoFilter, (filter: PhotoFilter) => void] {
  const [params, setParams] = useSearchParams();
  const search = String(params);
  const filter = useMemo(() => filterOf(new URLSearchParams(search)), [search]);
  useEffect(() => list(filter), [filter]);
  const change = (next: PhotoFilter) => {
    // A word that is being written is one step back, not one a letter.
    const writing = Boolean(next.q && filter.q);
    setParams(paramsOf(next), { replace: writing });
    scrollTo({ top: 0, behavior: "instant" });
  };
  return [filter, change];
}

/** Look for what is new, and for a service that was away; not for one that refuses. */
function useLooking(error: unknown): void {
  const refused = error instanceof ApiError && !error.passing;
  const away = error !== undefined;
  useEffect(() => {
    if (refused) return;
    const look = () => {
      // Photos that come above what is looked at are in its way.
      if (!document.hidden && (away || scrollY < 300)) refresh();
    };
    const timer = setInterval(look, away ? RETRY_MS : LOOK_MS);
    addEventListener("online", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      removeEventListener("online", look);
      document.removeEventListener("visibilitychange", look);
    };
  }, [refused, away]);
}

function nameOfListed(id: number | undefined): string {
  const photo = id === undefined ? undefined : useListing.getState().photos.get(id);
  return photo ? nameOf(photo) : "";
}

function Empty() {
  const { gallery } = useMessages();
  return (
    <Notice icon={<EmptyArt />} title={gallery.emptyTitle} text={gallery.emptyText} whole large>
      <AddPhotos />
    </Notice>
  );
}

function NoneFound({ onClear }: { onClear: () => void }) {
  const { gallery } = useMessages();
  return (
    <Notice icon="search" title={gallery.noneTitle} text={gallery.noneText}>
      <Button onClick={onClear}>{gallery.clear}</Button>
    </Notice>
  );
}

/** What is shown is no longer certain. */
function Stale({ error, answeredAt }: { error: unknown; answeredAt: number }) {
  const { gallery, app, problem } = useMessages();
  const locale = useLocale();
  const code = error instanceof ApiError ? error.code : "other";
  return (
    <div className={styles.stale} role="alert">
      <p>
        {problem[code] ?? problem.other} {gallery.asOf(time(answeredAt, locale))}
      </p>
      <Button look="quiet" onClick={refresh}>
        {app.tryAgain}
      </Button>
    </div>
  );
}
