/** The toasts of photos: one for each, turning from loading into its end. */

import { ApiError, explain } from "../api/problems.ts";
import { locale, messages } from "../i18n/locale.ts";
import { ended, type Live } from "../live/merge.ts";
import { onLive, useLive } from "../live/store.ts";
import { failureOf } from "../modal/words.ts";
import { type Group, groupOf, type Item, itemOf, openGroup, useGroups } from "../upload/groups.ts";
import { toast } from "./toasts.tsx";

/** Of more photos at once one toast tells for all of them, and one for each that failed. */
const SINGLY = 10;

/** Tell of what becomes of this tab's photos, those of before a reload too. */
export function startPhotoToasts(): void {
  for (const group of useGroups.getState().groups) toastSending(group.key);
  onLive((live, before) => {
    const known = itemOf(live.id);
    if (!known || live.status === before?.status) return;
    if (known.group.items.length > SINGLY) tellOfMany(known.group, live);
    else tellOf(known.item, live);
  });
}

/** Say that the photos of a group are on their way. */
export function toastSending(key: string): void {
  const group = groupOf(key);
  const { toast: say } = messages();
  const ended = ["refused", "cancelled"];
  const items = group?.items.filter((item) => !ended.includes(item.sending)) ?? [];
  if (items.length > SINGLY) toast.loading(say.loadingMany(items.length), { id: key });
  else for (const item of items) toast.loading(say.loading(item.name), { id: item.key });
}

/** Say that a file was not taken, and why. */
export function toastRefused(item: Item): void {
  const { upload, toast: say } = messages();
  const refusal = item.refusal;
  const why = explain(new ApiError(1, { code: refusal?.code ?? "other" }), messages());
  toast.error(refusal?.passing ? say.error(item.name) : upload.refused(item.name), {
    id: item.key,
    text: why,
  });
}

/** Say that a photo was not sent, because its owner wanted so. */
export function toastUnsent(item: Item): void {
  toast.cancelled(messages().toast.cancelled(item.name), { id: item.key });
}

function tellOf(item: Item, live: Live): void {
  const { toast: say, progress } = messages();
  const id = item.key;
  switch (live.status) {
    case "complete":
      return void toast.success(say.success(item.name), {
        id,
        text: tagsOf(live) || progress.noTags,
      });
    case "error":
      return void toast.error(say.error(item.name), {
        id,
        text: failureOf(live.error, messages()),
        action: { label: say.see, onClick: () => openGroup(itemOf(live.id)?.group.key) },
      });
    case "retrying":
      return void toast.retrying(say.retrying(item.name), { id, text: live.error?.message });
    case "cancelled":
    case "gone":
      return void toast.cancelled(say.cancelled(item.name), { id });
    default:
      return void toast.loading(say.loading(item.name), { id });
  }
}

function tellOfMany(group: Group, live: Live): void {
  const { toast: say } = messages();
  const item = itemOf(live.id)?.item;
  if (item && live.status === "error") {
    toast.error(say.error(item.name), { id: item.key, text: failureOf(live.error, messages()) });
  }
  const photos = useLive.getState().photos;
  const lives = group.items.map((each) => photos.get(each.photoId ?? -1));
  if (!lives.every((each) => each && ended(each))) return;
  const of = (status: Live["status"]) => lives.filter((each) => each?.status === status).length;
  if (of("error")) toast.error(say.failedMany(of("error"), lives.length), { id: group.key });
  else if (of("complete")) toast.success(say.successMany(of("complete")), { id: group.key });
  else toast.cancelled(say.cancelledMany, { id: group.key });
}

function tagsOf(live: Live): string {
  const names = live.photo?.tags.slice(0, 4).map((tag) => tag.name) ?? [];
  return new Intl.ListFormat(locale(), { type: "unit" }).format(names);
}
