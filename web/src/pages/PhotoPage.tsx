import { ChevronLeft, ChevronRight, Images, Sparkles, Trash2 } from "lucide-react";
import { type RefObject, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { ApiError } from "../api/problems.ts";
import { askAnew, keys, usePhoto } from "../api/queries.ts";
import type { Photo } from "../api/types.ts";
import { useTitle } from "../app/title.ts";
import { Button } from "../design/Button.tsx";
import { ErrorNotice, Notice } from "../design/Notice.tsx";
import { useMessages } from "../i18n/locale.ts";
import { ended } from "../live/merge.ts";
import { useNow, watchAll } from "../live/store.ts";
import { retag } from "../photos/actions.ts";
import { galleryAt } from "../photos/filter.ts";
import { useListing } from "../photos/listing.ts";
import { nameOf } from "../photos/name.ts";
import { RetagDialog } from "../photos/RetagDialog.tsx";
import { remove } from "../photos/removal.ts";
import styles from "./PhotoPage.module.css";
import { Facts } from "./photo/Facts.tsx";
import { Notes } from "./photo/Notes.tsx";
import { useNeighbours } from "./photo/neighbours.ts";
import { Original } from "./photo/Original.tsx";
import { Similar } from "./photo/Similar.tsx";
import { State } from "./photo/State.tsx";
import { TagEditor } from "./photo/TagEditor.tsx";
import { Timings } from "./photo/Timings.tsx";
import { Viewer } from "./photo/Viewer.tsx";

/** One photo: what it shows, and all that is known of it. */
export default function PhotoPage({ id }: { id: number }) {
  const { photo: messages, app, gallery } = useMessages();
  const { data: photo, answered, error, failureReason } = usePhoto(id);
  if (error instanceof ApiError && error.status === 404) {
    return (
      <div role="alert">
        <Notice icon="image" title={messages.missing} text={messages.missingText} whole>
          <Link href="/">{app.toPhotos}</Link>
        </Notice>
      </div>
    );
  }
  if (!photo) {
    const why = error ?? failureReason;
    if (!why) return <p className="unseen">{gallery.loading}</p>;
    const again = () => void askAnew(keys.photo(id));
    return <ErrorNotice title={messages.away} error={why} whole onRetry={again} />;
  }
  return <Shown photo={photo} answered={answered} />;
}

/** `answered`: the photo is not just what this page has known of it, maybe for long. */
function Shown({ photo, answered }: { photo: Photo; answered: boolean }) {
  const now = useNow(photo);
  const { photo: messages } = useMessages();
  const page = useRef<HTMLElement>(null);
  const name = nameOf(photo);
  useEffect(() => watchAll([photo]), [photo]);
  useTitle(name);
  useEffect(() => {
    scrollTo({ top: 0, behavior: "instant" });
    page.current?.focus({ preventScroll: true });
  }, []);
  return (
    <article ref={page} tabIndex={-1} className={styles.page} data-status={now.status}>
      <Head photo={photo} working={!ended(now)} page={page} />
      <div className={styles.viewer}>
        <Viewer photo={photo} />
      </div>
      <div className={styles.side}>
        <header className={styles.titles}>
          <h1 className={styles.title}>{name}</h1>
          {photo.caption && <p className={styles.caption}>{photo.caption}</p>}
        </header>
        <State photo={photo} now={now} answered={answered} />
        <section aria-labelledby="tags">
          <h2 id="tags" className={styles.heading}>
            {messages.tags}
          </h2>
          <TagEditor photo={photo} read={now.status === "complete"} disabled={!answered} />
        </section>
        <Facts photo={photo} />
        <Similar photo={photo} state={now.status} />
        <Notes photo={photo} />
        <Timings photo={photo} state={now.status} />
      </div>
    </article>
  );
}

interface HeadProps {
  photo: Photo;
  working: boolean;
  page: RefObject<HTMLElement | null>;
}

function Head({ photo, working, page }: HeadProps) {
  const { photo: messages, gallery } = useMessages();
  const [, navigate] = useLocation();
  const [asking, setAsking] = useState(false);
  const back = galleryAt(useListing((state) => state.filter));
  const { previous, next } = useNeighbours(photo.id);
  const erase = () => {
    remove([photo.id], nameOf(photo));
    navigate(next === undefined ? back : `/photos/${next}`, { replace: true });
  };
  usePageKeys(page, { ArrowLeft: previous, ArrowRight: next }, erase);
  return (
    <div className={styles.head}>
      <Link href={back} className={styles.back} aria-label={messages.back}>
        <Images size={17} aria-hidden />
        <span>{messages.back}</span>
      </Link>
      <nav className={styles.turn} aria-label={messages.title}>
        <Turn id={previous} label={messages.previous}>
          <ChevronLeft size={20} aria-hidden />
        </Turn>
        <Turn id={next} label={messages.next}>
          <ChevronRight size={20} aria-hidden />
        </Turn>
      </nav>
      <div className={styles.actions}>
        <Original photo={photo} className={styles.icon} />
        <Button
          look="quiet"
          icon={<Sparkles size={17} aria-hidden />}
          disabled={working}
          aria-label={gallery.retag}
          onClick={() => setAsking(true)}
        >
          {gallery.retag}
        </Button>
        <Button
          look="danger"
          icon={<Trash2 size={17} aria-hidden />}
          aria-label={gallery.delete}
          onClick={erase}
        >
          {gallery.delete}
        </Button>
      </div>
      {asking && (
        <RetagDialog
          count={1}
          onClose={() => setAsking(false)}
          onChosen={(again) => void retag([photo.id], again)}
        />
      )}
    </div>
  );
}

function Turn(props: { id: number | undefined; label: string; children: React.ReactNode }) {
  const { id, label, children } = props;
  if (id === undefined) {
    return (
      <span className={styles.icon} data-off aria-hidden>
        {children}
      </span>
    );
  }
  return (
    <Link href={`/photos/${id}`} replace className={styles.icon} aria-label={label} title={label}>
      {children}
    </Link>
  );
}

/** Arrows turn to other photos and Delete deletes, wherever the focus has no use for them. */
function usePageKeys(
  page: RefObject<HTMLElement | null>,
  turns: Record<string, number | undefined>,
  erase: () => void,
): void {
  const [, navigate] = useLocation();
  const now = useRef({ turns, erase });
  now.current = { turns, erase };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const { target, key } = event;
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (!(target instanceof Element) || target.closest("input, select, [data-keys], dialog"))
        return;
      if (target !== document.body && !page.current?.contains(target)) return;
      const to = now.current.turns[key];
      if (to !== undefined) navigate(`/photos/${to}`, { replace: true });
      else if (key === "Delete") now.current.erase();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [navigate, page]);
}
