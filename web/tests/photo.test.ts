import { expect, test } from "vitest";
import { blurred } from "../src/design/blur.ts";
import { clock, degrees } from "../src/i18n/amounts.ts";
import { partsOf } from "../src/pages/photo/spans.ts";
import { added, MOST } from "../src/pages/photo/tags.ts";
import { fitting, scrolled, stepped } from "../src/pages/photo/zoom.ts";

test("what fits is whole, and small photos are not blown up to a blur", () => {
  const box = { width: 800, height: 600 };
  expect(fitting({ width: 4000, height: 2000 }, box)).toBe(0.2);
  expect(fitting({ width: 1000, height: 3000 }, box)).toBe(0.2);
  expect(fitting({ width: 40, height: 30 }, box)).toBe(2);
});

test("zooming out ends at what fits, and zooming in at the most", () => {
  expect(stepped("fit", 1, 0.2)).toBeCloseTo(0.3);
  expect(stepped(0.3, -1, 0.2)).toBe("fit");
  expect(stepped("fit", -1, 0.2)).toBe("fit");
  expect(stepped(7, 1, 0.2)).toBe(8);
});

test("the point that is zoomed at stays where it is", () => {
  expect(scrolled(0, 100, 1, 2)).toBe(100);
  expect(scrolled(100, 100, 2, 1)).toBe(0);
});

test("tags are added as the server keeps them, once, and no more than it takes", () => {
  expect(added(["chat"], "  Gros   CHIEN ")).toEqual(["chat", "gros chien"]);
  expect(added(["chat"], "chat, jouet,, jouet")).toEqual(["chat", "jouet"]);
  expect(added([], "L'arc-en-ciel!, été <b>, 😺, ---")).toEqual(["l'arc-en-ciel", "été b"]);
  const names = ["chat"];
  expect(added(names, " Chat ")).toBe(names);
  const full = Array.from({ length: MOST }, (_, index) => `tag ${index}`);
  expect(added(full, "one more")).toEqual(full);
});

test("the parts of an attempt come in the pipeline's order, its waiting first", () => {
  const stage = (id: string, label: string) => ({ id, label, icon: "", progress: 0 });
  const attempt = {
    attempt: 1,
    startedAt: "",
    endedAt: null,
    result: null,
    error: null,
    cached: false,
    providerCalls: 1,
    usage: null,
    stageMs: { later: 10, ai: 60, analyzing: 20 },
  };
  const stages = [stage("analyzing", "Analyse"), stage("ai", "IA")];
  const parts = partsOf(attempt, stages, 10, "Attente");
  expect(parts.map(({ label, share }) => [label, share])).toEqual([
    ["Attente", 0.1],
    ["Analyse", 0.2],
    ["IA", 0.6],
    ["later", 0.1],
  ]);
  expect(partsOf(attempt, stages, undefined, "Attente")[0]?.label).toBe("Analyse");
});

test("a time is told as the camera's clock showed it, wherever the page is read", () => {
  expect(clock("2024-05-01T14:30:05", "en")).toMatch(/^May 1, 2024, 2:30\sPM$/);
  expect(clock("2024-05-01T14:30:05+02:00", "en")).toMatch(
    /^May 1, 2024, 2:30\sPM \(UTC\+02:00\)$/,
  );
  expect(clock("2024-05-01T14:30:05-03:30", "fr")).toBe("1 mai 2024, 14:30 (UTC−03:30)");
});

test("a place is told in degrees and the sides of the earth", () => {
  expect(degrees({ latitude: 48.85837, longitude: 2.29448 }, "en")).toBe("48.85837° N, 2.29448° E");
  expect(degrees({ latitude: -33.9, longitude: -70 }, "fr")).toBe("33,9° S ; 70° O");
});

test("a BlurHash is a few pixels of the photo's shape and colours", () => {
  // Of a picture whose left half is red, and whose right half is blue.
  const pixels = blurred("L_Il@N|TsRJqo3n~fQa}fQfQfQfQ", 640, 320);
  expect([pixels?.width, pixels?.height, pixels?.rgba.length]).toEqual([16, 8, 16 * 8 * 4]);
  const at = (index: number) => Array.from(pixels?.rgba.slice(index * 4, index * 4 + 3) ?? []);
  const [red = 0, , blueOfRed = 0] = at(0);
  const [redOfBlue = 0, , blue = 0] = at(15);
  expect(red).toBeGreaterThan(2 * blueOfRed);
  expect(blue).toBeGreaterThan(2 * redOfBlue);
});

test("what is no BlurHash is nothing", () => {
  expect(blurred("", 640, 320)).toBeUndefined();
  expect(blurred("<svg onload=1>", 640, 320)).toBeUndefined();
});
