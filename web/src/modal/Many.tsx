import { RotateCcw } from "lucide-react";
import { Button } from "../design/Button.tsx";
import { useMessages } from "../i18n/locale.ts";
import { cancelGroup, retry } from "../upload/control.ts";
import { dropGroup, type Group, openGroup } from "../upload/groups.ts";
import { Bar } from "./Bar.tsx";
import { Line } from "./Line.tsx";
import styles from "./Many.module.css";
import type { Seen } from "./seen.ts";
import { type Counts, countsOf, spanOfAll } from "./view.ts";

interface Props {
  group: Group;
  seen: readonly Seen[];
}

/** The modal of several photos: one bar over all, and a line each. */
export function Many({ group, seen }: Props) {
  const { progress } = useMessages();
  const views = seen.map((each) => each.view);
  const counts = countsOf(views);
  const over = views.every((view) => view.ended);
  const failed = seen.filter(({ view, item }) => view.phase === "error" || item.refusal?.passing);
  return (
    <div className={styles.many}>
      <div className={styles.head}>
        <p className={styles.title}>
          {over ? progress.titleMany(counts.total) : progress.readingMany(counts.total)}
        </p>
        <p className={styles.counts} aria-live="polite">
          <Said counts={counts} />
        </p>
      </div>
      <Bar span={spanOfAll(views)} label={progress.bar} numbered />
      <ul className={styles.lines}>
        {seen.map((each) => (
          <Line key={each.item.key} group={group.key} interrupted={group.interrupted} seen={each} />
        ))}
      </ul>
      <div className={styles.actions}>
        {over ? (
          <Button look={failed.length ? "quiet" : "accent"} onClick={() => dropGroup(group.key)}>
            {progress.close}
          </Button>
        ) : (
          <>
            <Button key="cancel" look="danger" onClick={() => void cancelGroup(group)}>
              {progress.cancelAll}
            </Button>
            <Button key="aside" onClick={() => openGroup(undefined)}>
              {progress.aside}
            </Button>
          </>
        )}
        {failed.length > 0 && (
          <Button
            look="accent"
            icon={<RotateCcw size={16} aria-hidden />}
            onClick={() =>
              void retry(
                group.key,
                failed.map(({ item }) => item),
              )
            }
          >
            {progress.retryAll}
          </Button>
        )}
      </div>
    </div>
  );
}

/** How many are ready and, where there are such, what became of the others. */
export function Said({ counts }: { counts: Counts }) {
  const { progress } = useMessages();
  const parts = [
    progress.counts(counts.complete, counts.total),
    counts.failed && progress.failedCount(counts.failed),
    counts.cancelled && progress.cancelledCount(counts.cancelled),
    counts.refused && progress.refusedCount(counts.refused),
  ];
  return <>{parts.filter(Boolean).join(" · ")}</>;
}
