import { useState } from "react";
import type { Minute } from "../../../api/types.ts";
import { hourMinute } from "../../../i18n/figures.ts";
import { useLocale, useMessages } from "../../../i18n/locale.ts";
import styles from "./MinuteTable.module.css";
import type { Series } from "./series.ts";

interface Props {
  title: string;
  minutes: readonly Minute[];
  series: readonly Series[];
  format: (value: number | null) => string;
}

/** A chart's values in words, the newest minute first; made only when it is asked for. */
export function MinuteTable({ title, minutes, series, format }: Props) {
  const { hour } = useMessages().queue;
  const locale = useLocale();
  const [open, setOpen] = useState(false);
  return (
    <details className={styles.details} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.summary}>
        {hour.table}
        <span className="unseen"> : {title}</span>
      </summary>
      {open && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys scroll it
        <section className={styles.scroll} aria-label={title} tabIndex={0}>
          <table className={styles.table}>
            <thead>
              <tr>
                <th scope="col">{hour.minute}</th>
                {series.map((each) => (
                  <th key={each.name} scope="col">
                    {each.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {minutes.toReversed().map((minute) => (
                <tr key={minute.minute}>
                  <th scope="row">{hourMinute(minute.minute, locale)}</th>
                  {series.map((each) => (
                    <td key={each.name}>{format(each.at(minute))}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </details>
  );
}
