import { useMessages } from "../i18n/locale.ts";
import styles from "./EmptyArt.module.css";

/** A photo and the words for it: what this is all about, where there is no photo yet. */
export function EmptyArt() {
  const { gallery } = useMessages();
  return (
    <div className={styles.art} aria-hidden>
      <div className={[styles.print, styles.left].join(" ")} />
      <div className={[styles.print, styles.right].join(" ")} />
      <svg className={[styles.print, styles.front].join(" ")} viewBox="0 0 220 160" aria-hidden>
        <rect className={styles.sky} width="220" height="160" />
        <circle className={styles.sun} cx="152" cy="58" r="21" />
        <path className={styles.far} d="M0 118 48 76l34 30 40-46 52 58 22-18 24 20v44H0z" />
        <path className={styles.near} d="M0 138c38-22 72-20 112-4s72 10 108-8v34H0z" />
      </svg>
      <ul>
        {gallery.emptyTags.map((tag) => (
          <li key={tag} className={styles.tag}>
            {tag}
          </li>
        ))}
      </ul>
    </div>
  );
}
