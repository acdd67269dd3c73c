import { useId } from "react";
import { useStages } from "../../../api/queries.ts";
import type { Percentiles, Stage, Statistics } from "../../../api/types.ts";
import { Icon } from "../../../design/Icon.tsx";
import surfaces from "../../../design/surfaces.module.css";
import { span } from "../../../i18n/figures.ts";
import { useLocale, useMessages } from "../../../i18n/locale.ts";
import styles from "./Stages.module.css";

/** How long photos spent waiting and in each stage, over the last hour. */
export function Stages({ statistics }: { statistics: Statistics }) {
  const { hour } = useMessages().queue;
  const { data: pipeline } = useStages();
  const heading = useId();
  const stages = inOrder(statistics.stages, pipeline ?? []);
  const rows: Row[] = [
    { name: hour.pickup, icon: "layers", times: statistics.pickup },
    ...stages,
    { name: hour.whole, icon: "check", times: statistics.total },
  ];
  const most = Math.max(1, ...rows.map((row) => row.times.p99Ms ?? 0));
  return (
    <section className={`${surfaces.card} ${styles.stages}`} aria-labelledby={heading}>
      <h3 id={heading} className={styles.title}>
        {hour.stages}
      </h3>
      {statistics.pickup.count + statistics.total.count === 0 && !stages.length ? (
        <p className={styles.nothing}>{hour.nothing}</p>
      ) : (
        <table className={styles.table}>
          <thead>
            <tr>
              <th scope="col">{hour.stage}</th>
              <td className={styles.track} aria-hidden="true" />
              <th scope="col">{hour.median}</th>
              <th scope="col">p95</th>
              <th scope="col">p99</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Line key={row.name} row={row} most={most} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

interface Row {
  name: string;
  icon: string;
  times: Percentiles;
}

/** Return the stages in the pipeline's order and words; those it no longer has come last. */
function inOrder(found: Record<string, Percentiles>, pipeline: readonly Stage[]): Row[] {
  const known = pipeline.flatMap(({ id, label, icon }) =>
    found[id] ? [{ name: label, icon, times: found[id] }] : [],
  );
  const gone = Object.entries(found).filter(([id]) => !pipeline.some((stage) => stage.id === id));
  return [...known, ...gone.map(([id, times]) => ({ name: id, icon: "", times }))];
}

function Line({ row: { name, icon, times }, most }: { row: Row; most: number }) {
  const locale = useLocale();
  const width = (ms: number | null) => ({ width: `${((ms ?? 0) / most) * 100}%` });
  return (
    <tr>
      <th scope="row">
        <span className={styles.name}>
          <Icon name={icon} size={16} />
          {name}
        </span>
      </th>
      <td className={styles.track} aria-hidden="true">
        <span className={styles.bar} data-part="p99" style={width(times.p99Ms)} />
        <span className={styles.bar} data-part="p95" style={width(times.p95Ms)} />
        <span className={styles.bar} data-part="p50" style={width(times.p50Ms)} />
      </td>
      <td>{span(times.p50Ms, locale)}</td>
      <td>{span(times.p95Ms, locale)}</td>
      <td>{span(times.p99Ms, locale)}</td>
    </tr>
  );
}
