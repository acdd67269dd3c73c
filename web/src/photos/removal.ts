/**
 * Deletes photos, with a while in which that can be undone.
 *
 * They vanish at once; the server is told when the while is over, or when the page is left,
 * for what somebody has deleted must not come back by itself. What the server refuses comes back.
 */

import { create } from "zustand";
import { headersOf } from "../api/client.ts";
import { currentKey } from "../api/key.ts";
import { ApiError, explain } from "../api/problems.ts";
import { dropPhoto } from "../api/queries.ts";
import { api } from "../api/routes.ts";
import { session } from "../app/storage.ts";
import { unique } from "../app/unique.ts";
import { messages } from "../i18n/locale.ts";
import { toast } from "../toasts/toasts.tsx";
import { each } from "./each.ts";
import { shortName } from "./name.ts";

/** How long it can be undone, ms. */
const GRACE_MS = 7_000;
const STORED = "tagline.removing";

interface Removal {
  readonly ids: readonly number[];
  readonly timer: ReturnType<typeof setTimeout>;
}

/** The photos that are deleted here, and maybe not yet on the server. */
export const useRemoved = create<{ ids: ReadonlySet<number> }>(() => ({ ids: new Set() }));

const pending = new Map<string, Removal>();

/** Delete `ids`; `name` is what one of them is called. */
export function remove(ids: readonly number[], name: string): void {
  if (!ids.length) return;
  const key = unique();
  hide(ids);
  pending.set(key, { ids, timer: setTimeout(() => void commit(take(key)?.ids ?? []), GRACE_MS) });
  const { removal } = messages();
  toast.undo(ids.length === 1 ? removal.one(shortName(name)) : removal.many(ids.length), {
    id: key,
    text: removal.until,
    action: { label: removal.undo, onClick: () => undo(key) },
  });
}

function undo(key: string): void {
  const removal = take(key);
  if (removal) show(removal.ids);
}

/** Undo what was deleted last, if it still can be. */
function undoLast(): boolean {
  const last = [...pending.keys()].at(-1);
  if (last === undefined) return false;
  undo(last);
  return true;
}

async function commit(ids: readonly number[]): Promise<void> {
  const failed: number[] = [];
  let why: unknown;
  await each(ids, async (id) => {
    try {
      await api.deletePhoto(id);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) {
        failed.push(id);
        why = error;
        return;
      }
    }
    dropPhoto(id);
  });
  show(ids);
  if (failed.length) {
    const { removal } = messages();
    toast.error(removal.failed(failed.length), { text: explain(why, messages()) });
  }
}

function take(key: string): Removal | undefined {
  const removal = pending.get(key);
  clearTimeout(removal?.timer);
  pending.delete(key);
  toast.dismiss(key);
  return removal;
}

function hide(ids: readonly number[]): void {
  useRemoved.setState((before) => ({ ids: new Set([...before.ids, ...ids]) }));
}

function show(ids: readonly number[]): void {
  const shown = new Set(ids);
  useRemoved.setState((before) => ({
    ids: new Set([...before.ids].filter((id) => !shown.has(id))),
  }));
}

/** Tell the server by requests that go on when the page is no more. */
function leave(): void {
  const ids = [...pending.keys()].flatMap((key) => take(key)?.ids ?? []);
  if (!ids.length) return;
  session.set(STORED, JSON.stringify(ids));
  const headers = headersOf(currentKey(), undefined);
  for (const id of ids) {
    void fetch(`/api/photos/${id}`, { method: "DELETE", headers, keepalive: true });
  }
}

/** After a reload: those requests may be under way yet, or have come to nothing. */
function finishLeft(): void {
  const ids: number[] = JSON.parse(session.get(STORED) ?? "[]");
  session.remove(STORED);
  if (!ids.length) return;
  hide(ids);
  void commit(ids);
}

/** Keep what was promised when the page is left, and Ctrl+Z while it is open. From now on. */
export function startRemoval(): void {
  finishLeft();
  addEventListener("pagehide", leave);
  addEventListener("keydown", (event) => {
    const asksUndo = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey);
    const writes = event.target instanceof Element && event.target.matches("input, textarea");
    if (asksUndo && !event.shiftKey && !writes && undoLast()) event.preventDefault();
  });
}
