import { useStages } from "../../api/queries.ts";
import type { Photo } from "../../api/types.ts";
import { Icon } from "../../design/Icon.tsx";
import { number } from "../../i18n/amounts.ts";
import { useLocale } from "../../i18n/locale.ts";
import page from "../PhotoPage.module.css";
import facts from "./Facts.module.css";
import styles from "./Notes.module.css";

/** What stages that were added to the tagger have noted, each under its name. */
export function Notes({ photo }: { photo: Photo }) {
  const { data: stages = [] } = useStages();
  const locale = useLocale();
  return Object.entries(photo.extra ?? {}).map(([id, notes]) => {
    const stage = stages.find((each) => each.id === id);
    return (
      <section key={id} aria-labelledby={`notes-${id}`} data-notes={id}>
        <h2 id={`notes-${id}`} className={[page.heading, styles.heading].join(" ")}>
          <Icon name={stage?.icon ?? ""} size={15} />
          {stage?.label ?? id}
        </h2>
        <dl className={facts.facts}>
          {Object.entries(notes).map(([name, value]) => (
            <div key={name} className={facts.fact}>
              <dt className={facts.name}>{name}</dt>
              <dd className={facts.value}>{said(value, locale)}</dd>
            </div>
          ))}
        </dl>
      </section>
    );
  });
}

function said(value: unknown, locale: string): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? number(value, locale, 3) : JSON.stringify(value);
}
