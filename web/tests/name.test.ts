import { expect, test } from "vitest";
import type { Photo } from "../src/api/types.ts";
import { nameOf, shortName, shownName } from "../src/photos/name.ts";

function photo(originalName: string): Photo {
  return { originalName, filename: "photo-1.jpg" } as Photo;
}

test("a photo is called as its file was, and by the server's name where that says nothing", () => {
  expect(nameOf(photo("vacances.jpg"))).toBe("vacances.jpg");
  expect(nameOf(photo(""))).toBe("photo-1.jpg");
  expect(nameOf(photo("\u202e"))).toBe("photo-1.jpg");
});

test("a name turns no text around, its own neither", () => {
  expect(shownName("IMG\u202egpj.exe.jpg")).toBe("IMGgpj.exe.jpg");
  expect(shownName("\u2067חתול\u2069.jpg")).toBe("חתול.jpg");
});

test("a long name is short in a sentence, with its end", () => {
  expect(shortName("cat.jpg")).toBe("cat.jpg");
  expect(shortName("w".repeat(44))).toBe("w".repeat(44));
  const long = `${"w".repeat(80)}DSC_0001.jpg`;
  expect(shortName(long)).toBe(`${"w".repeat(29)}…wwDSC_0001.jpg`);
  expect(shortName("🐈".repeat(60))).toBe(`${"🐈".repeat(29)}…${"🐈".repeat(14)}`);
});
