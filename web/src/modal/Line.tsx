import { Ban, Check, RotateCcw, TriangleAlert, X } from "lucide-react";
import { memo } from "react";
import { Button } from "../design/Button.tsx";
import { useMessages } from "../i18n/locale.ts";
import { cancelItem, retry } from "../upload/control.ts";
import { Bar } from "./Bar.tsx";
import styles from "./Line.module.css";
import { Preview } from "./Preview.tsx";
import type { Seen } from "./seen.ts";
import type { Phase } from "./view.ts";
import { reasonOf, useWords } from "./words.ts";

interface Props {
  /** The key of its group, and why that cannot be sent at this moment. */
  group: string;
  interrupted: string | undefined;
  seen: Seen;
}

/** One of several photos. */
export const Line = memo(function Line({ group, interrupted, seen }: Props) {
  const messages = useMessages();
  const { progress } = messages;
  const { item, view, live } = seen;
  const { message, aside } = useWords(seen, interrupted);
  const again = view.phase === "error" || view.phase === "cancelled" || item.refusal?.passing;
  const tags = live?.photo?.tags.map((tag) => tag.name).join(", ");
  const ends: Partial<Record<Phase, string>> = {
    complete: tags || progress.noTags,
    error: reasonOf(seen, messages),
  };
  const said = ends[view.phase] || message;
  return (
    <li className={styles.line} data-phase={view.phase}>
      <Preview item={item} size={64} className={styles.photo} />
      <div className={styles.middle}>
        <p className={styles.name}>{item.name}</p>
        <p className={styles.said}>
          {said}
          {aside && <span className={styles.aside}> · {aside}</span>}
        </p>
        {!view.ended && <Bar span={view.span} label={`${progress.bar} : ${item.name}`} thin />}
      </div>
      {!view.ended && item.photoId !== undefined && (
        <Button
          look="quiet"
          label={`${progress.cancel} : ${item.name}`}
          icon={<X size={17} aria-hidden />}
          onClick={() => void cancelItem(item)}
        />
      )}
      {again && (
        <Button
          look="quiet"
          label={`${progress.retry} : ${item.name}`}
          icon={<RotateCcw size={16} aria-hidden />}
          onClick={() => void retry(group, [item])}
        />
      )}
      {view.ended && <Sign phase={view.phase} />}
    </li>
  );
});

function Sign({ phase }: { phase: Phase }) {
  const Shown = phase === "complete" ? Check : phase === "cancelled" ? Ban : TriangleAlert;
  return (
    <span className={styles.sign}>
      <Shown size={17} strokeWidth={2.25} aria-hidden />
    </span>
  );
}
