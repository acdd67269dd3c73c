/** Figures of an operator: durations to the millisecond, money, rates, times of day. */

/** Return a duration: 0.4 ms, 12 ms, 1.2 s, 3 min; a dash for null. */
export function span(ms: number | null, locale: string): string {
  if (ms === null) return "–";
  const [value, unit, digits] =
    ms < 9.95
      ? [ms, "millisecond", 1]
      : ms < 999.5
        ? [ms, "millisecond", 0]
        : ms < 9_950
          ? [ms / 1000, "second", 1]
          : ms < 59_500
            ? [ms / 1000, "second", 0]
            : ms < 3_570_000
              ? [ms / 60_000, "minute", 0]
              : [ms / 3_600_000, "hour", 1];
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: String(unit),
    unitDisplay: locale === "fr" ? "short" : "narrow",
    maximumFractionDigits: Number(digits),
  }).format(Number(value));
}

/** Return an amount in US dollars, small ones to a hundredth of a cent. */
export function money(usd: number, locale: string): string {
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    maximumFractionDigits: usd < 1 && usd > 0 ? 4 : 2,
  }).format(usd);
}

/** Return a number, its digits grouped. */
export function count(number: number, locale: string): string {
  return new Intl.NumberFormat(locale).format(number);
}

/** Return about a number: from ten thousand on in thousands or millions. */
export function about(number: number, locale: string): string {
  return new Intl.NumberFormat(locale, {
    ...(number >= 10_000 && { notation: "compact", maximumFractionDigits: 1 }),
  }).format(number);
}

/** Return a rate, with one digit after the point where it is small. */
export function rate(number: number, locale: string): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: number < 10 ? 1 : 0 }).format(
    number,
  );
}

/** Return how long ago something was, `ms`. */
export function ago(ms: number, locale: string): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [value, unit] =
    seconds < 60
      ? [seconds, "second" as const]
      : seconds < 3600
        ? [Math.round(seconds / 60), "minute" as const]
        : [Math.round(seconds / 3600), "hour" as const];
  return new Intl.RelativeTimeFormat(locale, { style: "short" }).format(-value, unit);
}

const DAY_TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;

/** Return the time of day of a moment, RFC 3339; its date too if that is not the day of `now`. */
export function clock(time: string, now: number, locale: string): string {
  const moment = new Date(time);
  const today = moment.toDateString() === new Date(now).toDateString();
  return new Intl.DateTimeFormat(locale, {
    ...(!today && { day: "numeric", month: "short" }),
    ...DAY_TIME,
    ...(today && { second: "2-digit" }),
  }).format(moment);
}

/** Return hours and minutes of a moment, RFC 3339. */
export function hourMinute(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, DAY_TIME).format(new Date(time));
}
