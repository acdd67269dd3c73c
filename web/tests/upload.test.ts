import { expect, test } from "vitest";
import { addGroup, changeItems, type Item } from "../src/upload/groups.ts";
import { isSending } from "../src/upload/upload.ts";

test("leaving the page is asked about from when files are chosen until all have arrived", () => {
  const file = { name: "cat.jpg", sizeBytes: 1, share: 0 };
  const group = addGroup([
    { ...file, key: "refused", sending: "refused" },
    { ...file, key: "fine", sending: "waiting" },
  ]);
  const give = (sending: Item["sending"]) =>
    changeItems(group, ({ key }) => (key === "fine" ? { sending } : undefined));
  expect(isSending()).toBe(true);
  give("sending");
  expect(isSending()).toBe(true);
  give("sent");
  expect(isSending()).toBe(false);
});
