/**
 * A chart of the last hour, minute by minute.
 *
 * A slider that cannot be seen lies over it: pointer, touch, arrow keys and screen readers pick a
 * minute by it, whose values then stand in the legend. All values are in a table, too.
 */

import { useId, useState } from "react";
import type { Minute } from "../../../api/types.ts";
import surfaces from "../../../design/surfaces.module.css";
import { hourMinute } from "../../../i18n/figures.ts";
import { useLocale, useMessages } from "../../../i18n/locale.ts";
import styles from "./Chart.module.css";
import { MinuteTable } from "./MinuteTable.tsx";
import { Plot } from "./Plot.tsx";
import { mostOf, niceMost, type Series } from "./series.ts";

interface Props {
  title: string;
  text?: string;
  /** The one figure to read. */
  figure: string;
  /** What the picture shows, for who cannot see it. */
  says: string;
  minutes: readonly Minute[];
  series: readonly Series[];
  format: (value: number | null) => string;
}

export function Chart({ title, text, figure, says, minutes, series, format }: Props) {
  const { hour } = useMessages().queue;
  const locale = useLocale();
  const heading = useId();
  const [picked, setPicked] = useState<number>();
  const minute = picked === undefined ? undefined : minutes[picked];
  const highest = mostOf(series, minutes);
  const most = niceMost(highest);
  return (
    <section className={`${surfaces.card} ${styles.chart}`} aria-labelledby={heading}>
      <header className={styles.head}>
        <div>
          <h3 id={heading} className={styles.title}>
            {title}
          </h3>
          {text && <p className={styles.text}>{text}</p>}
        </div>
        <p className={styles.figure}>{figure}</p>
      </header>
      <ul className={styles.legend} data-many={series.length > 2}>
        {series.map((each) => (
          <li key={each.name} data-tone={each.tone} data-look={each.look}>
            {each.name} <b>{format(minute ? each.at(minute) : each.hour)}</b>
          </li>
        ))}
      </ul>
      <p className={styles.axis}>
        <span>{minute ? hourMinute(minute.minute, locale) : hour.title}</span>
        <span>{highest > 0 && format(most)}</span>
      </p>
      <div className={styles.frame}>
        {highest === 0 && <span className={styles.nothing}>{hour.nothing}</span>}
        <Plot
          says={says}
          minutes={minutes}
          series={highest > 0 ? series : []}
          most={most}
          picked={picked}
        />
        <Picker
          label={`${title} : ${hour.minute}`}
          minutes={minutes}
          picked={picked}
          onPick={setPicked}
          says={(each) => series.map(({ name, at }) => `${name} ${format(at(each))}`).join(", ")}
        />
      </div>
      <p className={styles.axis} aria-hidden="true">
        {[0, 20, 40, minutes.length - 1].map((index) => (
          <span key={index}>{hourMinute(minutes[index]?.minute ?? "", locale)}</span>
        ))}
      </p>
      <MinuteTable title={title} minutes={minutes} series={series} format={format} />
    </section>
  );
}

interface PickerProps {
  label: string;
  minutes: readonly Minute[];
  picked: number | undefined;
  onPick: (index: number | undefined) => void;
  says: (minute: Minute) => string;
}

function Picker({ label, minutes, picked, onPick, says }: PickerProps) {
  const locale = useLocale();
  const last = minutes.length - 1;
  const minute = minutes[picked ?? last];
  return (
    <input
      type="range"
      className={styles.picker}
      aria-label={label}
      aria-valuetext={minute && `${hourMinute(minute.minute, locale)}, ${says(minute)}`}
      min={0}
      max={last}
      value={picked ?? last}
      onChange={(event) => onPick(Number(event.target.value))}
      onFocus={(event) => event.target.matches(":focus-visible") && onPick(picked ?? last)}
      onBlur={() => onPick(undefined)}
      onPointerMove={({ currentTarget, clientX }) => {
        const { left, width } = currentTarget.getBoundingClientRect();
        const at = Math.floor(((clientX - left) / width) * minutes.length);
        onPick(Math.min(last, Math.max(0, at)));
      }}
      onPointerLeave={() => onPick(undefined)}
    />
  );
}
