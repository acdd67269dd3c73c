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
  /** It is all that there is on the page: its title is the page's. */
  whole?: boolean;
  /** Larger type. */
  large?: boolean;
  /** Usually a Button. */
  children?: ReactNode;
}

export function Notice({ icon, title, text, whole, large, children }: Props) {
  const Title = whole ? "h1" : "h2";
  return (
    <section className={styles.notice} data-large={large || undefined}>
      {typeof icon === "string" ? (
        <div className={styles.icon}>
          <Icon name={icon} size={28} />
        </div>
      ) : (
        icon
      )}
      <Title className={styles.title}>{title}</Title>
      {text && <p className={styles.text}>{text}</p>}
      {children && <div className={styles.actions}>{children}</div>}
    </section>
  );
}

interface ErrorProps {
  title: string;
  error: unknown;
  whole?: boolean;
  onRetry?: () => void;
}

/** Something that could not be had. `onRetry` tries again. */
export function ErrorNotice(props: ErrorProps) {
  const messages = useMessages();
  return (
    <div role="alert">
      <Notice
        icon="cloud"
        title={props.title}
        text={explain(props.error, messages)}
        {...(props.whole && { whole: true })}
      >
        {props.onRetry && <Button onClick={props.onRetry}>{messages.app.tryAgain}</Button>}
      </Notice>
    </div>
  );
}
