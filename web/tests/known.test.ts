import { expect, test } from "vitest";
import {
  end,
  indexIn,
  type Known,
  learned,
  markFor,
  NOTHING,
  TOP,
  without,
} from "../src/photos/known.ts";

/** What is known of 12 … 3 after two pages of five; there is more. */
function twoPages(): Known {
  const first = learned(NOTHING, TOP, [12, 11, 10, 9, 8], "c8");
  return learned(first, end(first) ?? TOP, [7, 6, 5, 4, 3], "c3");
}

test("pages are put one after the other, until there is no other", () => {
  const known = twoPages();
  expect(known.ids).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
  expect(known.whole).toBe(false);
  expect(end(known)).toEqual({ below: 3, cursor: "c3" });

  const whole = learned(known, end(known) ?? TOP, [2, 1], null);
  expect(whole.ids.at(-1)).toBe(1);
  expect(whole.whole).toBe(true);
  expect(end(whole)).toBeUndefined();
});

test("photos that have come are put on top, and those that have gone are taken out", () => {
  const known = learned(twoPages(), TOP, [14, 13, 12, 10, 9], "c9");
  expect(known.ids).toEqual([14, 13, 12, 10, 9, 8, 7, 6, 5, 4, 3]);
  expect(end(known)).toEqual({ below: 3, cursor: "c3" });
});

test("what cannot be joined to what has come is forgotten, for there would be a hole", () => {
  const known = learned(twoPages(), TOP, [40, 39, 38, 37, 36], "c36");
  expect(known.ids).toEqual([40, 39, 38, 37, 36]);
  expect(end(known)).toEqual({ below: 36, cursor: "c36" });
});

test("what was whole stays whole when only its top is looked at anew", () => {
  const whole = learned(twoPages(), { below: 3, cursor: "c3" }, [2, 1], null);
  expect(learned(whole, TOP, [13, 12, 11, 10, 9], "c9").whole).toBe(true);
});

test("a photo that was dropped is asked for from the nearest place above it", () => {
  const known = twoPages();
  expect(markFor(known, 12)).toBe(TOP);
  expect(markFor(known, 8)).toBe(TOP);
  expect(markFor(known, 7)).toEqual({ below: 8, cursor: "c8" });
  // The place stays one even when the photo that named it is gone.
  expect(markFor(without(known, 8), 7)).toEqual({ below: 8, cursor: "c8" });
});

test("a page that holds nothing moves on", () => {
  const known = learned(NOTHING, TOP, [], "c500");
  expect(known.ids).toEqual([]);
  expect(end(known)?.cursor).toBe("c500");
  expect(learned(known, end(known) ?? TOP, [4], null).ids).toEqual([4]);
});

test("a photo is found by halving", () => {
  expect([12, 3, 9].map((id) => indexIn(twoPages().ids, id))).toEqual([0, 9, 3]);
  expect(indexIn([12, 10], 11)).toBe(-1);
  expect(indexIn([], 1)).toBe(-1);
});
