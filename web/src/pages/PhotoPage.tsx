import { usePhoto } from "../api/queries.ts";
import { ErrorNotice } from "../design/Notice.tsx";
import { Picture } from "../design/Picture.tsx";
import { TagList } from "../design/TagList.tsx";
import { useMessages } from "../i18n/locale.ts";

/** One photo: what it shows, and all that is known of it. */
export default function PhotoPage({ id }: { id: number }) {
  const { photo: messages } = useMessages();
  const { data: photo, error, refetch } = usePhoto(id);
  if (error)
    return <ErrorNotice title={messages.away} error={error} onRetry={() => void refetch()} />;
  if (!photo) return null;
  return (
    <article>
      <h1>{photo.originalName || messages.title}</h1>
      <Picture src={photo.url} alt={photo.caption ?? photo.originalName} eager />
      <TagList tags={photo.tags} />
    </article>
  );
}
