import { afterEach, expect, test, vi } from "vitest";
import { local } from "../src/app/storage.ts";

afterEach(() => vi.unstubAllGlobals());

test("what is kept is there again", () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => kept.set(name, value),
  });
  local.set("theme", "dark");
  expect([local.get("theme"), local.get("other")]).toEqual(["dark", null]);
});

test("a browser that keeps nothing is no fault", () => {
  const refuse = () => {
    throw new DOMException("access is denied", "SecurityError");
  };
  vi.stubGlobal("localStorage", { getItem: refuse, setItem: refuse });
  local.set("theme", "dark");
  expect(local.get("theme")).toBeNull();
});
