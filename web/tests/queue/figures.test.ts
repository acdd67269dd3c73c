import { expect, test } from "vitest";
import { about, ago, clock, count, money, rate, span } from "../../src/i18n/figures.ts";

/** French puts narrow and other spaces that do not break between digits and units. */
const plain = (text: string) => text.replaceAll(/\s/g, " ");

test.each([
  [null, "–", "–"],
  [0.42, "0,4 ms", "0.4ms"],
  [12.4, "12 ms", "12ms"],
  [999.6, "1 s", "1s"],
  [1234, "1,2 s", "1.2s"],
  [12_345, "12 s", "12s"],
  [59_700, "1 min", "1m"],
  [5_400_000, "1,5 h", "1.5h"],
])("%s ms is %s or %s", (ms, french, english) => {
  expect(plain(span(ms, "fr"))).toBe(french);
  expect(plain(span(ms, "en"))).toBe(english);
});

test("money shows cents, and hundredths of them where there is little", () => {
  expect(plain(money(0, "fr"))).toBe("0,00 $");
  expect(money(0.00123, "en")).toBe("$0.0012");
  expect(money(1234.567, "en")).toBe("$1,234.57");
});

test("counts are exact, amounts are not", () => {
  expect(count(123_456, "en")).toBe("123,456");
  expect(about(9_999, "en")).toBe("9,999");
  expect(about(123_456, "en")).toBe("123.5K");
  expect(rate(9.62, "fr")).toBe("9,6");
  expect(rate(96.2, "fr")).toBe("96");
});

test("a time long ago is told in larger units, and none lies ahead", () => {
  expect(plain(ago(2_400, "fr"))).toBe("il y a 2 s");
  expect(plain(ago(120_000, "fr"))).toBe("il y a 2 min");
  expect(plain(ago(-5_000, "fr"))).toBe("il y a 0 s");
});

test("a time of another day has its date", () => {
  const now = new Date(2026, 10, 25, 18, 30).getTime();
  expect(clock(new Date(2026, 10, 25, 7, 5, 9).toISOString(), now, "en")).toBe("07:05:09");
  expect(plain(clock(new Date(2026, 10, 24, 7, 5, 9).toISOString(), now, "fr"))).toContain(
    "24 nov",
  );
});
