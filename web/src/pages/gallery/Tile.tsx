import { Check, ImageOff, RotateCcw, TriangleAlert } from "lucide-react";
import { type MouseEvent, memo, useState } from "react";
import { Link } from "wouter";
import type { Photo } from "../../api/types.ts";
import { Blur } from "../../design/Blur.tsx";
import { Picture, thumbnail } from "../../design/Picture.tsx";
import { percent } from "../../i18n/amounts.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { ended, type Live } from "../../live/merge.ts";
import { useNow } from "../../live/store.ts";
import { Bar } from "../../modal/Bar.tsx";
import { useSeenPhoto } from "../../modal/views.ts";
import { failureOf, useWords } from "../../modal/words.ts";
import { retry } from "../../photos/actions.ts";
import { useListing } from "../../photos/listing.ts";
import { nameOf } from "../../photos/name.ts";
import { openPhoto } from "../../upload/groups.ts";
import { thumbnailFor } from "./layout.ts";
import styles from "./Tile.module.css";

interface Props {
  id: number;
  index: number;
  /** Of its cell, CSS pixels. */
  side: number;
  column: number;
  /** The one of the grid that the tab key leads to. */
  active: boolean;
  selected: boolean;
  /** Any is selected: a click selects, too. */
  selecting: boolean;
  /** It flies past: nothing is loaded for it. */
  flying: boolean;
  onPick: (id: number, range: boolean) => void;
  onFocus: (id: number) => void;
}

/** A photo in the grid. */
export const Tile = memo(function Tile(props: Props) {
  const photo = useListing((state) => state.photos.get(props.id));
  if (photo) return <Known {...props} photo={photo} />;
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the grid moves the focus to its link
    // biome-ignore lint/a11y/useSemanticElements: the grid is no table
    <div role="gridcell" aria-colindex={props.column + 1} className={styles.cell} aria-busy>
      <div className={styles.frame} />
    </div>
  );
});

/** The most tags of a caption, which is one line. */
const IN_CAPTION = 3;
const IN_OVERLAY = 6;

function Known({ photo, ...props }: Props & { photo: Photo }) {
  const now = useNow(photo);
  const shown = now.photo ?? photo;
  const name = nameOf(shown);
  const { gallery } = useMessages();
  const label = useLabel(shown, now, name);
  const select = (event: MouseEvent) => {
    const several = event.shiftKey || (props.selecting && !event.altKey);
    if (!several) return;
    event.preventDefault();
    props.onPick(photo.id, event.shiftKey);
  };
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the focus is on what is in it
    // biome-ignore lint/a11y/useSemanticElements: the grid is no table
    <div
      role="gridcell"
      aria-colindex={props.column + 1}
      aria-selected={props.selected}
      className={styles.cell}
      data-photo={photo.id}
      data-status={now.status}
      data-selecting={props.selecting || undefined}
    >
      <div className={styles.frame} style={{ backgroundColor: shown.colors[0] }}>
        <Link
          href={`/photos/${photo.id}`}
          className={styles.link}
          aria-label={label}
          tabIndex={props.active ? 0 : -1}
          data-index={props.index}
          draggable={false}
          onClick={select}
          onFocus={() => props.onFocus(photo.id)}
        >
          {!props.flying && <Thumb photo={shown} side={props.side} />}
        </Link>
        {shown.tags.length > 0 && ended(now) && <Overlay tags={shown.tags} />}
        <button
          type="button"
          className={styles.check}
          aria-label={gallery.select(name)}
          aria-pressed={props.selected}
          tabIndex={props.active ? 0 : -1}
          onClick={(event) => props.onPick(photo.id, event.shiftKey)}
          onFocus={() => props.onFocus(photo.id)}
        >
          <Check size={14} strokeWidth={3} aria-hidden />
        </button>
      </div>
      <Caption photo={shown} now={now} active={props.active} />
    </div>
  );
}

/** A photo that cannot be read has no thumbnail. */
function Thumb({ photo, side }: { photo: Photo; side: number }) {
  const [none, setNone] = useState(false);
  const [there, setThere] = useState(false);
  const size = thumbnailFor(photo, side, Math.min(3, devicePixelRatio));
  if (none) {
    return (
      <span className={styles.none}>
        <ImageOff size={30} strokeWidth={1.5} aria-hidden />
      </span>
    );
  }
  return (
    <>
      {photo.blurhash && !there && (
        <Blur
          hash={photo.blurhash}
          width={photo.width}
          height={photo.height}
          className={styles.blur}
        />
      )}
      <Picture
        src={thumbnail(photo.id, size)}
        alt=""
        className={styles.photo}
        onLoad={() => setThere(true)}
        onError={() => setNone(true)}
      />
    </>
  );
}

function Overlay({ tags }: { tags: Photo["tags"] }) {
  const locale = useLocale();
  return (
    <span className={styles.overlay} aria-hidden>
      {tags.slice(0, IN_OVERLAY).map((tag) => (
        <span key={tag.id} className={styles.sure}>
          <span className={styles.tagName}>{tag.name}</span>
          {tag.confidence !== null && <b>{percent(tag.confidence, locale)}</b>}
        </span>
      ))}
    </span>
  );
}

function Caption({ photo, now, active }: { photo: Photo; now: Live; active: boolean }) {
  const messages = useMessages();
  const { gallery, progress } = messages;
  if (!ended(now)) return <Working photo={photo} active={active} />;
  if (now.status === "error" || now.status === "cancelled") {
    const bad = now.status === "error";
    const why = bad ? failureOf(now.error, messages) || gallery.failed : gallery.cancelled;
    return (
      <div className={styles.caption} data-bad={bad || undefined}>
        {bad && <TriangleAlert size={14} aria-hidden />}
        <span className={styles.line} title={why}>
          {why}
        </span>
        <button
          type="button"
          className={styles.again}
          aria-label={progress.retry}
          title={progress.retry}
          tabIndex={active ? 0 : -1}
          onClick={() => void retry(photo)}
        >
          <RotateCcw size={14} aria-hidden />
        </button>
      </div>
    );
  }
  return (
    <div className={styles.caption}>
      <span className={styles.line}>
        {photo.tags.slice(0, IN_CAPTION).map((tag) => (
          <span key={tag.id} className={styles.word}>
            {tag.name}
          </span>
        ))}
        {!photo.tags.length && <span className={styles.faint}>{gallery.noTags}</span>}
      </span>
    </div>
  );
}

function Working({ photo, active }: { photo: Photo; active: boolean }) {
  const { progress } = useMessages();
  const seen = useSeenPhoto(photo);
  const { message } = useWords(seen);
  const name = nameOf(photo);
  return (
    <button
      type="button"
      className={styles.working}
      title={progress.open}
      tabIndex={active ? 0 : -1}
      onClick={() => openPhoto(photo)}
    >
      <Bar span={seen.view.span} label={`${progress.bar} : ${name}`} thin />
      <span className={styles.line}>{message}</span>
    </button>
  );
}

/** What a screen reader says of a photo: what it is called, and what is on it or becomes of it. */
function useLabel(photo: Photo, now: Live, name: string): string {
  const locale = useLocale();
  const { gallery } = useMessages();
  if (!ended(now)) return `${name} : ${now.message || gallery.statuses.processing}`;
  if (now.status === "error") return `${name} : ${gallery.failed}`;
  if (now.status === "cancelled") return `${name} : ${gallery.cancelled}`;
  const tags = photo.tags.map((tag) =>
    tag.confidence === null ? tag.name : `${tag.name} ${percent(tag.confidence, locale)}`,
  );
  return `${name} : ${tags.join(", ") || gallery.noTags}`;
}
