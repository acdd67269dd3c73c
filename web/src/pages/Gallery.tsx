import { useEffect } from "react";
import { Link } from "wouter";
import { usePhotos } from "../api/queries.ts";
import type { Photo } from "../api/types.ts";
import { Button } from "../design/Button.tsx";
import { ErrorNotice, Notice } from "../design/Notice.tsx";
import { Picture, thumbnail } from "../design/Picture.tsx";
import { TagList } from "../design/TagList.tsx";
import { useMessages } from "../i18n/locale.ts";
import { watchAll } from "../live/store.ts";
import { useSeenPhoto } from "../modal/views.ts";
import { useWords } from "../modal/words.ts";
import { AddPhotos } from "../upload/AddPhotos.tsx";
import { openPhoto } from "../upload/groups.ts";
import { EmptyArt } from "./EmptyArt.tsx";
import styles from "./Gallery.module.css";

/** The photos, newest first; those in work are live. */
export function Gallery() {
  const { gallery } = useMessages();
  const { data, error, hasNextPage, fetchNextPage, refetch } = usePhotos();
  const photos = data?.pages.flatMap((page) => page.items);
  useEffect(() => watchAll(photos ?? []), [photos]);
  if (!photos && error) {
    return <ErrorNotice title={gallery.away} error={error} onRetry={() => void refetch()} />;
  }
  if (!photos) return <p className="unseen">{gallery.loading}</p>;
  if (!photos.length) {
    return (
      <Notice icon={<EmptyArt />} title={gallery.emptyTitle} text={gallery.emptyText} large>
        <AddPhotos />
      </Notice>
    );
  }
  return (
    <>
      <h1 className="unseen">{gallery.title}</h1>
      <ul className={styles.grid}>
        {photos.map((photo) => (
          <Card key={photo.id} photo={photo} />
        ))}
      </ul>
      {hasNextPage && <Button onClick={() => void fetchNextPage()}>{gallery.more}</Button>}
    </>
  );
}

function Card({ photo }: { photo: Photo }) {
  const seen = useSeenPhoto(photo);
  const { message } = useWords(seen, false);
  const name = photo.originalName || photo.filename;
  return (
    <li className={styles.card} data-photo={photo.id} data-status={seen.live?.status}>
      <Link href={`/photos/${photo.id}`} className={styles.link} aria-label={name}>
        <Picture src={thumbnail(photo.id, 480)} alt="" className={styles.photo} />
      </Link>
      {seen.view.ended ? (
        <TagList tags={seen.live?.photo?.tags ?? photo.tags} most={3} />
      ) : (
        <button type="button" className={styles.working} onClick={() => openPhoto(photo)}>
          {message}
        </button>
      )}
    </li>
  );
}
