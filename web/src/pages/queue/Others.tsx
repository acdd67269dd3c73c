import { useId } from "react";
import type { Statistics } from "../../api/types.ts";
import surfaces from "../../design/surfaces.module.css";
import { count } from "../../i18n/figures.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { Fact, Facts } from "./Facts.tsx";
import styles from "./Others.module.css";
import { ranked } from "./view.ts";

/** Why photos failed in the last hour, and how often they were tried again. */
export function Failures({ statistics }: { statistics: Statistics }) {
  const { hour } = useMessages().queue;
  const locale = useLocale();
  const heading = useId();
  const failures = ranked(statistics.failures);
  const most = failures[0]?.[1] ?? 1;
  return (
    <section className={`${surfaces.card} ${styles.card}`} aria-labelledby={heading}>
      <h3 id={heading} className={styles.title}>
        {hour.failures}
      </h3>
      {failures.length ? (
        <ul className={styles.failures}>
          {failures.map(([code, number]) => (
            <li key={code} className={styles.failure}>
              <code className={styles.code}>{code}</code>
              <span className={styles.track}>
                <span className={styles.bar} style={{ width: `${(number / most) * 100}%` }} />
              </span>
              <b className={styles.number}>{count(number, locale)}</b>
            </li>
          ))}
        </ul>
      ) : (
        <p className={styles.none}>{hour.noFailures}</p>
      )}
      <p className={styles.more}>
        <span>
          {hour.retries} <b>{count(statistics.retries, locale)}</b>
        </span>
        <span>
          {hour.reconciled} <b>{count(statistics.reconciled, locale)}</b>
        </span>
      </p>
    </section>
  );
}

/** How many clients are told live, by how they are. */
export function Sockets({ statistics: { sockets } }: { statistics: Statistics }) {
  const { sockets: messages } = useMessages().queue;
  const locale = useLocale();
  const heading = useId();
  return (
    <section className={`${surfaces.card} ${styles.card}`} aria-labelledby={heading}>
      <h3 id={heading} className={styles.title}>
        {messages.title}
      </h3>
      <Facts narrow>
        <Fact name={messages.websocket} value={count(sockets.websocket, locale)} />
        <Fact name={messages.socketio} value={count(sockets.socketio, locale)} />
        <Fact name={messages.sse} value={count(sockets.sse, locale)} />
      </Facts>
    </section>
  );
}
