import { explain } from "../../api/problems.ts";
import { ago } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import styles from "./Freshness.module.css";
import { type Asked, freshness } from "./fresh.ts";
import { useClock } from "./useClock.ts";

/** Says whether what is shown is of this moment; if not, of when, and why. */
export function Freshness({ asked }: { asked: readonly Asked[] }) {
  const messages = useMessages();
  const locale = useLocale();
  const now = useClock();
  const { queue } = messages;
  const { ageMs, fresh, why } = freshness(asked, now);
  if (ageMs === null) return null;
  return (
    <p className={styles.state} data-fresh={fresh}>
      <span className={styles.dot} aria-hidden />
      <span>{fresh ? queue.live : queue.stale(ago(ageMs, locale))}</span>
      {why && (
        <span role="status" className={styles.why}>
          {queue.staleWhy(explain(why, messages))}
        </span>
      )}
    </p>
  );
}
