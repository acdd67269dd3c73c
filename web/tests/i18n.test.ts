import { expect, test } from "vitest";
import { duration, size } from "../src/i18n/amounts.ts";
import { en } from "../src/i18n/en.ts";
import { fr } from "../src/i18n/fr.ts";

/** Return each text's path and kind: a language has the same ones as the other. */
function paths(catalogue: object, before = ""): string[] {
  return Object.entries(catalogue).flatMap(([name, value]) =>
    typeof value === "object" && value !== null
      ? paths(value, `${before}${name}.`)
      : [`${before}${name}: ${typeof value}`],
  );
}

test("both languages say the same things", () => {
  expect(paths(en).sort()).toEqual(paths(fr).sort());
});

test("no text is empty", () => {
  for (const catalogue of [fr, en]) {
    expect(JSON.stringify(catalogue)).not.toMatch(/:\s*""/);
  }
});

test("amounts agree with their nouns", () => {
  expect(en.progress.titleMany(1)).toBe("1 photo");
  expect(en.progress.titleMany(2)).toBe("2 photos");
  expect(fr.progress.failedCount(1)).toBe("1 échec");
  expect(fr.progress.failedCount(2)).toBe("2 échecs");
});

test("sizes and times are in units that suit them", () => {
  expect(size(34_306, "en")).toBe("34 kB");
  expect(size(20 * 2 ** 20, "fr").replace(/\s/g, " ")).toBe("21 Mo");
  expect(duration(12.5, "en")).toBe("13 sec");
  expect(duration(180, "en")).toBe("3 min");
});
