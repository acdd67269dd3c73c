import { ArrowRight, RotateCcw } from "lucide-react";
import { Link } from "wouter";
import { Button } from "../design/Button.tsx";
import { TagList } from "../design/TagList.tsx";
import { size } from "../i18n/amounts.ts";
import { useLocale, useMessages } from "../i18n/locale.ts";
import { cancelGroup, retry } from "../upload/control.ts";
import { dropGroup, type Group, openGroup } from "../upload/groups.ts";
import { Bar } from "./Bar.tsx";
import styles from "./One.module.css";
import { Preview } from "./Preview.tsx";
import { usePaced } from "./pace.ts";
import { Steps } from "./Steps.tsx";
import type { Seen } from "./seen.ts";
import { reasonOf, useWords } from "./words.ts";

interface Props {
  group: Group;
  seen: Seen;
}

/** The modal of one photo. */
export function One({ group, seen }: Props) {
  const messages = useMessages();
  const { progress, upload } = messages;
  const locale = useLocale();
  const { item, view, live } = seen;
  const { message, aside } = useWords(seen, group.interrupted);
  const { steps, arrived } = usePaced(view.steps);
  const bad = view.phase === "error" || view.phase === "refused";
  const reason = reasonOf(seen, messages);
  return (
    <div className={styles.one} data-phase={view.phase}>
      <figure className={styles.figure}>
        <Preview item={item} size={480} className={styles.photo} />
        <figcaption className={styles.caption}>
          <span className={styles.name}>{item.name}</span>
          <span className={styles.size}>{size(item.sizeBytes, locale)}</span>
        </figcaption>
      </figure>
      <Steps steps={steps} />
      <Bar
        span={view.span}
        label={progress.bar}
        numbered
        tone={bad ? "bad" : view.phase === "cancelled" ? "quiet" : "accent"}
      />
      <div className={styles.words}>
        <p className={styles.message} aria-live="polite" data-bad={bad || undefined}>
          {bad && view.phase === "refused" ? upload.refused(item.name) : message}
        </p>
        {aside && <p className={styles.aside}>{aside}</p>}
      </div>
      {bad && (
        <p className={styles.reason} role="alert">
          {view.phase === "refused" ? message : reason}
        </p>
      )}
      {view.phase === "complete" && arrived && live?.photo && (
        <div className={styles.result}>
          <TagList tags={live.photo.tags} confidence />
          {!live.photo.tags.length && <p className={styles.aside}>{progress.noTags}</p>}
        </div>
      )}
      <Actions group={group} seen={seen} />
    </div>
  );
}

function Actions({ group, seen: { item, view } }: Props) {
  const { progress } = useMessages();
  const again = view.phase === "error" || view.phase === "cancelled" || item.refusal?.passing;
  if (!view.ended) {
    return (
      <div className={styles.actions}>
        <Button key="cancel" look="danger" onClick={() => void cancelGroup(group)}>
          {progress.cancel}
        </Button>
        <Button key="aside" onClick={() => openGroup(undefined)}>
          {progress.aside}
        </Button>
      </div>
    );
  }
  return (
    <div className={styles.actions}>
      <Button key="close" look="quiet" onClick={() => dropGroup(group.key)}>
        {progress.close}
      </Button>
      {view.phase === "complete" && item.photoId !== undefined && (
        <Link
          href={`/photos/${item.photoId}`}
          className={styles.see}
          onClick={() => dropGroup(group.key)}
        >
          {progress.see}
          <ArrowRight size={17} aria-hidden />
        </Link>
      )}
      {again && (
        <Button
          look="accent"
          icon={<RotateCcw size={16} aria-hidden />}
          onClick={() => void retry(group.key, [item])}
        >
          {progress.retry}
        </Button>
      )}
    </div>
  );
}
