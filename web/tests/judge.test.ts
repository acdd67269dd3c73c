import { expect, test } from "vitest";
import { faultOf } from "../src/upload/judge.ts";

function file(...parts: (string | number[])[]): Blob {
  const bytes = (part: string | number[]) =>
    Uint8Array.from(part as number[], (each: number | string) =>
      typeof each === "string" ? each.charCodeAt(0) : each,
    );
  return new Blob(parts.map(bytes));
}

test("photos may be sent, whatever they are called", async () => {
  const photos = [
    file([0xff, 0xd8, 0xff, 0xe0]),
    file([0x89], "PNG\r\n\x1a\n"),
    file("GIF89a"),
    file("RIFF", [1, 2, 3, 4], "WEBPVP8 "),
    file([0, 0, 0, 24], "ftypmif1", [0, 0, 0, 0], "mif1heic"),
    file([0, 0, 0, 28], "ftypavif", [0, 0, 0, 0], "avifmif1"),
  ];
  expect(await Promise.all(photos.map(faultOf))).toEqual(photos.map(() => undefined));
});

test("what lies between them is no photo: videos, documents, nothing at all", async () => {
  const others = [
    file([0, 0, 0, 20], "ftypqt  ", [0, 0, 2, 0], "qt  "),
    file([0, 0, 0, 24], "ftypisom", [0, 0, 2, 0], "isommp41"),
    file("RIFF", [1, 2, 3, 4], "AVI LIST"),
    file("%PDF-1.7"),
    file(""),
  ];
  expect(await Promise.all(others.map(faultOf))).toEqual(others.map(() => "unsupported_image"));
});

test("a file that is gone cannot be read", async () => {
  const gone = new Blob(["x"]);
  gone.slice = () => {
    throw new DOMException("it was changed", "NotReadableError");
  };
  expect(await faultOf(gone)).toBe("unreadable");
});
