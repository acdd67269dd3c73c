import { expect, test } from "vitest";
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
