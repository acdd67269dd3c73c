import { toast as sonner } from "sonner";
import { beforeEach, expect, test } from "vitest";
import { expect as accepted } from "../src/live/store.ts";
import { startPhotoToasts, toastEnd, toastSending } from "../src/toasts/photos.ts";
import { addGroup, changeItems, type Item } from "../src/upload/groups.ts";

startPhotoToasts();

let lastId = 0;

function items(count: number): readonly Item[] {
  return Array.from({ length: count }, () => {
    const photoId = ++lastId;
    const key = `item-${photoId}`;
    return { key, name: `${photoId}.jpg`, sizeBytes: 1, sending: "sent", share: 1, photoId };
  });
}

/** What the toast of an id is by now: its type. */
function typeOf(id: string): string | undefined {
  const shown = sonner.getHistory().findLast((each) => each.id === id);
  return shown && "type" in shown ? (shown.type ?? "plain") : undefined;
}

/** Do as Sonner does with a toast that somebody swipes away. */
function swipe(id: string): void {
  const shown = sonner.getHistory().findLast((each) => each.id === id);
  if (shown && "onDismiss" in shown) shown.onDismiss?.(shown);
}

function end({ photoId = 0 }: Item): void {
  accepted({ id: photoId, jobId: `job-${photoId}`, status: "complete" });
}

let group: string;
let photos: readonly Item[];

beforeEach(() => {
  photos = items(12);
  group = addGroup(photos);
});

function give(sending: Item["sending"], given: readonly Item[]): void {
  const keys = given.map((item) => item.key);
  changeItems(group, ({ key }) => (keys.includes(key) ? { sending } : undefined));
}

test("of what is left of many, when some are no photos, each has its toast and its end", () => {
  give("refused", photos.slice(9));
  toastSending(group);
  for (const photo of photos.slice(0, 9)) end(photo);
  expect(typeOf(group)).toBeUndefined();
  for (const photo of photos.slice(0, 9)) expect(typeOf(photo.key)).toBe("success");
});

test("the toast of many ends though some are no photos, and whatever is refused later", () => {
  give("refused", photos.slice(11));
  toastSending(group);
  expect(typeOf(group)).toBe("loading");
  for (const photo of photos.slice(0, 9)) end(photo);
  expect(typeOf(group)).toBe("loading");
  give("refused", photos.slice(9));
  toastEnd(group);
  expect(typeOf(group)).toBe("success");
  for (const photo of photos) expect(typeOf(photo.key)).toBeUndefined();
});

test("the toast of many says so when none was accepted", () => {
  toastSending(group);
  give("refused", photos);
  toastEnd(group);
  expect(typeOf(group)).toBe("error");
});

test("the toast of many ends when those that were not accepted are cancelled", () => {
  toastSending(group);
  for (const photo of photos.slice(0, 4)) end(photo);
  give("cancelled", photos.slice(4));
  toastEnd(group);
  expect(typeOf(group)).toBe("success");
});

test("a toast that was swiped away, or put away, is shown again once the photo has ended", () => {
  const [photo] = items(1);
  const { key = "", photoId: id = 0 } = photo ?? {};
  addGroup(photo ? [photo] : []);
  accepted({ id, jobId: "first", status: "retrying" });
  expect(typeOf(key)).toBe("warning");
  swipe(key);
  accepted({ id, jobId: "second", status: "processing" });
  expect(typeOf(key)).toBe("warning"); // nothing was said since
  accepted({ id, jobId: "third", status: "complete" });
  expect(typeOf(key)).toBe("success");
  swipe(key);
  accepted({ id, jobId: "fourth", status: "processing" });
  expect(typeOf(key)).toBe("loading"); // another analysis: that one was over
});
