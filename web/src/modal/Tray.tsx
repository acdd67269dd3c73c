import { Check, TriangleAlert, X } from "lucide-react";
import { useEffect } from "react";
import { Button } from "../design/Button.tsx";
import surfaces from "../design/surfaces.module.css";
import { useMessages } from "../i18n/locale.ts";
import { dropGroup, type Group, openGroup, useGroups } from "../upload/groups.ts";
import { Bar } from "./Bar.tsx";
import { Said } from "./Many.tsx";
import { Preview } from "./Preview.tsx";
import styles from "./Tray.module.css";
import { countsOf, spanOfAll } from "./view.ts";
import { useSeen } from "./views.ts";
import { useWords } from "./words.ts";

/** What was all well goes by itself after this. */
const SHOWN_MS = 4_000;

/** What was put aside and goes on. */
export function Tray() {
  const { groups, open } = useGroups();
  const { progress } = useMessages();
  const aside = groups.filter((group) => group.key !== open);
  if (!aside.length) return null;
  return (
    <section className={styles.tray} aria-label={progress.tray}>
      {aside.map((group) => (
        <Entry key={group.key} group={group} />
      ))}
    </section>
  );
}

function Entry({ group }: { group: Group }) {
  const { progress } = useMessages();
  const seen = useSeen(group);
  const views = seen.map((each) => each.view);
  const counts = countsOf(views);
  const over = views.every((view) => view.ended);
  const well = counts.failed + counts.refused === 0;
  useEffect(() => {
    if (!over || !well) return;
    const timer = setTimeout(() => dropGroup(group.key), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [over, well, group.key]);
  const [first] = seen;
  if (!first) return null;
  const title = seen.length > 1 ? progress.titleMany(seen.length) : first.item.name;
  return (
    <div className={[styles.entry, surfaces.glass].join(" ")} data-over={over || undefined}>
      <button type="button" className={styles.open} onClick={() => openGroup(group.key)}>
        <Preview item={first.item} size={64} className={styles.photo} />
        <span className={styles.middle}>
          <span className="unseen">{progress.open} :</span>
          <span className={styles.name}>{title}</span>
          <span className={styles.said}>
            {seen.length > 1 ? <Said counts={counts} /> : <Words seen={first} group={group} />}
          </span>
        </span>
        {over && <Sign well={well} />}
      </button>
      {over && (
        <Button
          look="quiet"
          label={`${progress.close} : ${title}`}
          icon={<X size={16} aria-hidden />}
          onClick={() => dropGroup(group.key)}
        />
      )}
      <div className={styles.bar}>
        <Bar
          span={spanOfAll(views)}
          label={`${progress.bar} : ${title}`}
          thin
          tone={well ? "accent" : "bad"}
        />
      </div>
    </div>
  );
}

function Words({ seen, group }: { seen: ReturnType<typeof useSeen>[number]; group: Group }) {
  return useWords(seen, group.interrupted).message;
}

function Sign({ well }: { well: boolean }) {
  const Shown = well ? Check : TriangleAlert;
  return (
    <span className={styles.sign} data-well={well}>
      <Shown size={18} strokeWidth={2.25} aria-hidden />
    </span>
  );
}
