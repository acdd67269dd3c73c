/** What a chart of the last hour is made of: series, and where their values stand. Pure. */

import type { Minute } from "../../../api/types.ts";

/** Height of a plot in its own units; a minute is one unit wide. */
export const HIGH = 100;

export interface Series {
  name: string;
  look: "bar" | "line";
  tone: "accent" | "bad" | "quiet";
  /** It counts: the minute under way has not all of it yet. */
  counts: boolean;
  /** The value of a minute, null where there is none. */
  at: (minute: Minute) => number | null;
  /** The value of the whole hour. */
  hour: number | null;
}

const STEPS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** Return a round number that is not below `value`, and not much above. */
export function niceMost(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  // 0.3 is 3 * 0.1 but for the last digit.
  const step = STEPS.find((each) => value <= each * power * (1 + 1e-9)) ?? 10;
  return Number((step * power).toPrecision(2));
}

/** Return the largest value to be drawn: of lines, and of bars that stand on each other. */
export function mostOf(series: readonly Series[], minutes: readonly Minute[]): number {
  const bars = series.filter((each) => each.look === "bar");
  const lines = series.filter((each) => each.look === "line");
  return Math.max(
    0,
    ...minutes.map((minute) => bars.reduce((sum, each) => sum + (each.at(minute) ?? 0), 0)),
    ...lines.flatMap((each) => valuesOf(each, minutes).map((value) => value ?? 0)),
  );
}

/** Return the path of a line, broken where there is no value; a lone value is a dot. */
export function linePath(values: readonly (number | null)[], most: number): string {
  let path = "";
  let drawing = false;
  values.forEach((value, index) => {
    if (value !== null) {
      const x = index + 0.5;
      path += `${drawing ? "L" : "M"}${x} ${heightAt(value, most)}`;
      if (!drawing) path += "h0";
    }
    drawing = value !== null;
  });
  return path;
}

/** Return the values of a line; where they count, without the minute under way. */
export function valuesOf(series: Series, minutes: readonly Minute[]): (number | null)[] {
  return minutes.map((minute, index) =>
    series.counts && index === minutes.length - 1 ? null : series.at(minute),
  );
}

export interface Bar {
  minute: number;
  y: number;
  height: number;
}

/** Return the bars of a series that stand on those of the series `below` it. */
export function barsOf(
  series: Series,
  below: readonly Series[],
  minutes: readonly Minute[],
  most: number,
): Bar[] {
  return minutes.flatMap((minute, index) => {
    const value = series.at(minute) ?? 0;
    if (value <= 0) return [];
    const base = below.reduce((sum, each) => sum + (each.at(minute) ?? 0), 0);
    const y = heightAt(base + value, most);
    return [{ minute: index, y, height: heightAt(base, most) - y }];
  });
}

function heightAt(value: number, most: number): number {
  return Number((HIGH - (value / most) * HIGH).toFixed(2));
}
