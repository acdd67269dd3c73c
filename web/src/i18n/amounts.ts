/** Numbers, sizes, times and amounts as people read them. */

/** Return `count` with its noun; both of our languages have two forms, and differ at 0. */
export function amount(count: number, one: string, many: string): string {
  const isOne = one === many || count === 1;
  return `${count} ${isOne ? one : many}`;
}

/** Return `bytes` in the unit that suits it. */
export function size(bytes: number, locale: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const step = bytes < 1 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: units[step] ?? "byte",
    unitDisplay: "short",
    maximumFractionDigits: step > 1 ? 1 : 0,
  }).format(bytes / 1000 ** step);
}

/** Return about how long `seconds` are: 40 s, 3 min, 2 h. */
export function duration(seconds: number, locale: string): string {
  const [value, unit] =
    seconds < 60
      ? [Math.max(1, Math.ceil(seconds)), "second"]
      : seconds < 3600
        ? [Math.round(seconds / 60), "minute"]
        : [Math.round(seconds / 3600), "hour"];
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: String(unit),
    unitDisplay: "short",
  }).format(Number(value));
}

/** Return a share of 1 as a percentage, whole. */
export function percent(share: number, locale: string): string {
  return new Intl.NumberFormat(locale, { style: "percent" }).format(share);
}

/** Return a moment, RFC 3339, as date and time. */
export function moment(time: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(
    new Date(time),
  );
}

/** Return what a clock showed, ISO 8601, as date and time; its offset to UTC where it has one. */
export function clock(shown: string, locale: string): string {
  const [, time, offset] = /^(.{19})(.*)$/.exec(shown) ?? ["", shown, ""];
  // Said to be UTC and shown as UTC: the page's own time zone has no part in it.
  const said = new Intl.DateTimeFormat(locale, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: "UTC",
  }).format(new Date(`${time}Z`));
  return offset ? `${said} (UTC${offset.replace("-", "−")})` : said;
}

/** Return a place on earth, in degrees: 48.85837° N, 2.29448° E. */
export function degrees(
  { latitude, longitude }: { latitude: number; longitude: number },
  locale: string,
): string {
  const said = (value: number, sides: string) =>
    `${number(Math.abs(value), locale, 5)}° ${sides[value < 0 ? 1 : 0]}`;
  // Where a comma is in the numbers, it is none between them.
  const [sides, between] = locale === "fr" ? ["EO", " ; "] : ["EW", ", "];
  return said(latitude, "NS") + between + said(longitude, sides);
}

/** Return the time of day of a moment, ms since 1970. */
export function time(ms: number, locale: string): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: "short" }).format(ms);
}

/** Return how long `ms` were, as exact as it matters: 8 ms, 1.2 s. */
export function took(ms: number, locale: string): string {
  const [value, unit, digits] =
    ms < 1000 ? [ms, "millisecond", 0] : [ms / 1000, "second", ms < 10_000 ? 1 : 0];
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: digits,
  }).format(value);
}

/** Return a whole number. */
export function number(value: number, locale: string, digits = 0): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
}
