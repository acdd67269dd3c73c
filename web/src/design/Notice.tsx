/** What stands where there is nothing to show: an empty state, or an error with a way on. */

import type { ReactNode } from "react";
import { explain } from "../api/problems.ts";
import { useMessages } from "../i18n/locale.ts";
import { Button } from "./Button.tsx";
import { Icon } from "./Icon.tsx";
import styles from "./Notice.module.css";

interface Props {
  /** A name from Icon.tsx, or a picture. */
  icon: string | ReactNode;
  title: string;
  text?: ReactNode;
  /** For a whole page that is empty: larger type. */
  large?: boolean;
  /** Usually a Button. */
  children?: ReactNode;
}

export function Notice({ icon, title, text, large, children }: Props) {
  return (
    <section className={styles.notice} data-large={large || undefined}>
      {typeof icon === "string" ? (
        <div className={styles.icon}>
          <Icon name={icon} size={28} />
        </div>
      ) : (
        icon
      )}
      <h2 className={styles.title}>{title}</h2>
      {text && <p className={styles.text}>{text}</p>}
      {children && <div className={styles.actions}>{children}</div>}
    </section>
  );
}

/** Something that could not be had. `onRetry` tries again. */
export function ErrorNotice(props: { title: string; error: unknown; onRetry?: () => void }) {
  const messages = useMessages();
  return (
    <div role="alert">
      <Notice icon="cloud" title={props.title} text={explain(props.error, messages)}>
        {props.onRetry && <Button onClick={props.onRetry}>{messages.app.tryAgain}</Button>}
      </Notice>
    </div>
  );
}
