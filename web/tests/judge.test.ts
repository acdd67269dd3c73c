import { expect, test } from "vitest";
import { faultOf } from "../src/upload/judge.ts";
import heads from "./heads.json";

test.each(heads)("a file is taken as the server takes it: $name", async ({ head, type }) => {
  const bytes = Uint8Array.from(head.match(/../g) ?? [], (each) => Number.parseInt(each, 16));
  expect(await faultOf(new Blob([bytes]))).toBe(type === null ? "unsupported_image" : undefined);
});

test("a file that is gone cannot be read", async () => {
  const gone = new Blob(["x"]);
  gone.slice = () => {
    throw new DOMException("it was changed", "NotReadableError");
  };
  expect(await faultOf(gone)).toBe("unreadable");
});
