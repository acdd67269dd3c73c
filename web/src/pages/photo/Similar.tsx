import { Link } from "wouter";
import { useSimilar } from "../../api/queries.ts";
import type { Photo } from "../../api/types.ts";
import { Picture, thumbnail } from "../../design/Picture.tsx";
import { useMessages } from "../../i18n/locale.ts";
import { nameOf } from "../../photos/name.ts";
import { useRemoved } from "../../photos/removal.ts";
import page from "../PhotoPage.module.css";
import styles from "./Similar.module.css";

const SIZE = 160;

/** The photos that look like one, where there are any. */
export function Similar({ photo, state }: { photo: Photo; state: string }) {
  const { photo: messages } = useMessages();
  const { data, error } = useSimilar(photo.id, state);
  const removed = useRemoved((removing) => removing.ids);
  const others = data?.items.filter(({ photo }) => !removed.has(photo.id)) ?? [];
  if (!others.length && !error) return null;
  return (
    <section aria-labelledby="similar">
      <h2 id="similar" className={page.heading}>
        {messages.similar}
      </h2>
      {others.length ? (
        <ul className={styles.others}>
          {others.map(({ photo: other }) => (
            <li key={other.id}>
              <Link href={`/photos/${other.id}`} className={styles.other}>
                <Picture
                  src={thumbnail(other.id, SIZE)}
                  alt={other.caption ?? nameOf(other)}
                  className={styles.picture}
                />
              </Link>
            </li>
          ))}
        </ul>
      ) : (
        <p className={styles.away}>{messages.similarAway}</p>
      )}
    </section>
  );
}
