/** The API key, where the server wants one: kept for the session, asked for when it is missing. */

import { create } from "zustand";
import { session } from "../app/storage.ts";

const STORED = "tagline.key";
/** What a header may carry. */
const SENDABLE = /^[\x20-\x7e]+$/;

interface KeyState {
  key: string | undefined;
  /** Somebody waits for a key: the dialog is open. `refused`: one was given, and was wrong. */
  asking: boolean;
  refused: boolean;
  /** Called by the dialog, which stays open where no server can take it; undefined if it was put away. */
  answer: (key: string | undefined) => void;
}

const waiting: ((key: string | undefined) => void)[] = [];

export const useKey = create<KeyState>((set) => ({
  key: session.get(STORED) ?? undefined,
  asking: false,
  refused: false,
  answer: (key) => {
    if (key !== undefined && !SENDABLE.test(key)) return set({ refused: true });
    if (key) session.set(STORED, key);
    set({ ...(key && { key }), asking: false });
    for (const resolve of waiting.splice(0)) resolve(key);
  },
}));

export function currentKey(): string | undefined {
  return useKey.getState().key;
}

/**
 * Ask for a key after `refused` (undefined: none was sent) was answered 401.
 *
 * Everybody who asks at a time shares one dialog. Resolves to the key, undefined if none is given.
 */
export function askKey(refused: string | undefined): Promise<string | undefined> {
  const { key } = useKey.getState();
  if (key && key !== refused) return Promise.resolve(key); // given in the meantime
  useKey.setState({ asking: true, refused: refused !== undefined });
  return new Promise((resolve) => waiting.push(resolve));
}
