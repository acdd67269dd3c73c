import type { Photo } from "../api/types.ts";
import { percent } from "../i18n/amounts.ts";
import { useLocale } from "../i18n/locale.ts";
import styles from "./TagList.module.css";

interface Props {
  tags: Photo["tags"];
  /** Show so many at most. */
  most?: number;
  /** How sure the model was, too. */
  confidence?: boolean;
}

export function TagList({ tags, most = tags.length, confidence }: Props) {
  const locale = useLocale();
  return (
    <ul className={styles.tags}>
      {tags.slice(0, most).map((tag) => (
        <li key={tag.id} className={styles.tag} data-source={tag.source}>
          <span>{tag.name}</span>
          {confidence && tag.confidence !== null && (
            <span className={styles.confidence}>{percent(tag.confidence, locale)}</span>
          )}
        </li>
      ))}
    </ul>
  );
}
