/** The toasts of photos: one for each, or one for many, turning from loading into its end. */

import { ApiError, explain } from "../api/problems.ts";
import { locale, messages } from "../i18n/locale.ts";
import { ended, type Live } from "../live/merge.ts";
import { known, onLive, useLive } from "../live/store.ts";
import { failureOf } from "../modal/words.ts";
import { shortName } from "../photos/name.ts";
import { type Group, groupOf, type Item, itemOf, openGroup, useGroups } from "../upload/groups.ts";
import { toast } from "./toasts.tsx";

/** Of more photos at once one toast tells for all of them, and one for each that failed. */
const SINGLY = 10;

/** The groups of which one toast tells: decided once, for what comes later must end that toast. */
const many = new Set<string>();

/** Tell of what becomes of this tab's photos, those of before a reload too. */
export function startPhotoToasts(): void {
  for (const group of useGroups.getState().groups) toastSending(group.key);
  onLive((live, before) => {
    if (live.status !== before?.status) tell(live);
  });
}

/** Say that the photos of a group are on their way. */
export function toastSending(key: string): void {
  const { toast: say } = messages();
  const items = underway(groupOf(key));
  if (items.length > SINGLY) {
    many.add(key);
    toast.loading(say.loadingMany(items.length), { id: key });
  } else for (const item of items) toast.loading(say.loading(called(item)), { id: item.key });
}

/** Say what was heard of a photo before it was known to be one of this tab's. */
export function toastHeard(photoId: number): void {
  const live = known(photoId);
  if (live) tell(live);
}

/** Say that a file was not taken, and why. */
export function toastRefused(item: Item): void {
  const { upload, toast: say } = messages();
  const refusal = item.refusal;
  const why = explain(new ApiError(1, { code: refusal?.code ?? "other" }), messages());
  toast.error(refusal?.passing ? say.error(called(item)) : upload.refused(called(item)), {
    id: item.key,
    text: why,
  });
}

/** Say that a photo was not sent, because its owner wanted so. */
export function toastUnsent(item: Item): void {
  toast.cancelled(messages().toast.cancelled(called(item)), { id: item.key });
}

/** Say how many photos ended of which one toast tells, once none of them goes on. */
export function toastEnd(key: string): void {
  const group = groupOf(key);
  if (!group || !many.has(key)) return;
  const { toast: say } = messages();
  const { photos } = useLive.getState();
  const lives = underway(group).map((each) => photos.get(each.photoId ?? -1));
  if (!lives.every((each) => each && ended(each))) return;
  const all = group.items.length;
  const of = (status: Live["status"]) => lives.filter((each) => each?.status === status).length;
  if (of("error")) toast.error(say.failedMany(of("error"), lives.length), { id: key });
  else if (of("complete")) toast.success(say.successMany(of("complete")), { id: key });
  else if (group.items.every(isRefused)) toast.error(say.failedMany(all, all), { id: key });
  else toast.cancelled(say.cancelledMany, { id: key });
}

/** Return those of a group that were not given up before they were accepted. */
function underway(group: Group | undefined): readonly Item[] {
  return group?.items.filter((item) => !isRefused(item) && item.sending !== "cancelled") ?? [];
}

function isRefused({ sending }: Item): boolean {
  return sending === "refused";
}

function tell(live: Live): void {
  const ours = itemOf(live.id);
  if (!ours) return;
  if (many.has(ours.group.key)) tellOfMany(ours.group, ours.item, live);
  else tellOf(ours.item, live);
}

function tellOf(item: Item, live: Live): void {
  const { toast: say, progress } = messages();
  const id = item.key;
  switch (live.status) {
    case "complete":
      return void toast.success(say.success(called(item)), {
        id,
        text: tagsOf(live) || progress.noTags,
      });
    case "error":
      return void toast.error(say.error(called(item)), {
        id,
        text: failureOf(live.error, messages()),
        action: { label: say.see, onClick: () => openGroup(itemOf(live.id)?.group.key) },
      });
    case "retrying":
      return void toast.retrying(say.retrying(called(item)), { id, text: live.error?.message });
    case "cancelled":
    case "gone":
      return void toast.cancelled(say.cancelled(called(item)), { id });
    default:
      return void toast.loading(say.loading(called(item)), { id });
  }
}

function tellOfMany(group: Group, item: Item, live: Live): void {
  if (live.status === "error") {
    const say = messages().toast;
    toast.error(say.error(called(item)), { id: item.key, text: failureOf(live.error, messages()) });
  }
  toastEnd(group.key);
}

/** What a photo is called in a toast, which is narrow. */
function called({ name }: Item): string {
  return shortName(name);
}

function tagsOf(live: Live): string {
  const names = live.photo?.tags.slice(0, 4).map((tag) => tag.name) ?? [];
  return new Intl.ListFormat(locale(), { type: "unit" }).format(names);
}
