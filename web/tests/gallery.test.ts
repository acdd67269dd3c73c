import { expect, test } from "vitest";
import { layoutFor, thumbnailFor } from "../src/pages/gallery/layout.ts";
import { moveBy } from "../src/pages/gallery/moves.ts";
import { limited, NONE, ranged, toggled } from "../src/pages/gallery/selection.ts";
import { filterOf, galleryAt, same } from "../src/photos/filter.ts";

test("an address says which photos are shown, and what it says wrongly is left out", () => {
  const params = new URLSearchParams("tag=chat&tag=jouet&tag=chat&status=error&q= ani ");
  expect(filterOf(params)).toEqual({ tag: ["chat", "jouet"], status: "error", q: "ani" });
  expect(filterOf(new URLSearchParams("tag=&status=odd&other=1"))).toEqual({});
});

test("an address is made of a filter, and read as the same filter again", () => {
  const filter = { tag: ["bleu & vert"], q: "été" };
  const address = galleryAt(filter);
  expect(filterOf(new URL(address, "http://localhost").searchParams)).toEqual(filter);
  expect(galleryAt({})).toBe("/");
  expect(same({ tag: ["a"] }, { tag: ["a"], q: "" })).toBe(true);
  expect(same({ tag: ["a"] }, { tag: ["b"] })).toBe(false);
});

test("a phone has two columns, a wide window has more, and they fill it", () => {
  expect(layoutFor(358).columns).toBe(2);
  for (const width of [358, 720, 1232]) {
    const { columns, side, gap } = layoutFor(width);
    expect(columns * side + (columns - 1) * gap).toBeCloseTo(width);
    expect(side).toBeGreaterThan(140);
  }
});

test("a thumbnail is as large as its cell needs, and no larger than there are", () => {
  expect(thumbnailFor({ width: 800, height: 800 }, 190, 1)).toBe(256);
  expect(thumbnailFor({ width: 1600, height: 800 }, 190, 1)).toBe(384);
  expect(thumbnailFor({ width: 9000, height: 100 }, 190, 1)).toBe(384);
  expect(thumbnailFor({ width: 1600, height: 800 }, 190, 3)).toBe(1024);
});

test("arrows go where they point, and stay where there is nothing", () => {
  const move = (key: string, from: number) => moveBy(key, from, 10, 4, 2);
  expect(move("ArrowRight", 3)).toBe(4);
  expect(move("ArrowLeft", 0)).toBeUndefined();
  expect(move("ArrowDown", 1)).toBe(5);
  expect(move("ArrowUp", 2)).toBeUndefined();
  expect(move("ArrowDown", 7)).toBe(9); // above nothing, but there is a row below
  expect(move("ArrowDown", 9)).toBeUndefined();
  expect(move("End", 0)).toBe(9);
  expect(move("PageDown", 1)).toBe(9);
  expect(move("PageUp", 9)).toBe(1);
  expect(move("x", 0)).toBeUndefined();
});

test("a range goes from where the selection began, forth and back", () => {
  const all = [9, 8, 7, 6, 5];
  const one = toggled(NONE, 8);
  expect([...ranged(one, all, 9, 6).ids]).toEqual([8, 7, 6]);
  expect([...ranged(one, all, 5, 9).ids].sort()).toEqual([8, 9]);
  expect([...ranged(NONE, all, 7, 6).ids]).toEqual([7, 6]);
  expect(toggled(one, 8).ids.size).toBe(0);
});

test("what is gone is not selected", () => {
  const selection = ranged(NONE, [3, 2, 1], 3, 1);
  expect([...limited(selection, [3, 1]).ids]).toEqual([3, 1]);
  expect(limited(selection, [4, 3, 2, 1])).toBe(selection);
});
