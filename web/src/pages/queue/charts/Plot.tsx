import type { Minute } from "../../../api/types.ts";
import styles from "./Plot.module.css";
import { barsOf, HIGH, linePath, type Series, valuesOf } from "./series.ts";

interface Props {
  says: string;
  minutes: readonly Minute[];
  series: readonly Series[];
  most: number;
  picked: number | undefined;
}

/** The picture: stretched to its frame, the strokes not. Without series: an empty frame. */
export function Plot({ says, minutes, series, most, picked }: Props) {
  const bars = series.filter((each) => each.look === "bar");
  const lines = series.filter((each) => each.look === "line");
  return (
    <svg
      className={styles.plot}
      viewBox={`0 0 ${minutes.length} ${HIGH}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={says}
    >
      {(series.length ? [0, HIGH / 2, HIGH] : [0, HIGH]).map((y) => (
        <path key={y} className={styles.grid} d={`M0 ${y}H${minutes.length}`} />
      ))}
      {picked !== undefined && (
        <rect className={styles.picked} x={picked} y={0} width={1} height={HIGH} />
      )}
      {bars.map((each, index) => (
        <g key={each.name} className={styles.bars} data-tone={each.tone}>
          {barsOf(each, bars.slice(0, index), minutes, most).map(({ minute, y, height }) => (
            <rect
              key={minute}
              x={minute + 0.14}
              y={y}
              width={0.72}
              height={height}
              data-under-way={minute === minutes.length - 1}
            />
          ))}
        </g>
      ))}
      {lines.map((each) => (
        <path
          key={each.name}
          className={styles.line}
          data-tone={each.tone}
          d={linePath(valuesOf(each, minutes), most)}
        />
      ))}
    </svg>
  );
}
