/** Which language the page speaks: the switch's, else the browser's, else the server's. */

import { create } from "zustand";
import { local } from "../app/storage.ts";
import { en } from "./en.ts";
import { fr, type Messages } from "./fr.ts";

export type Locale = "fr" | "en";
export const LOCALES: readonly Locale[] = ["fr", "en"];
export const CATALOGUES: Record<Locale, Messages> = { fr, en };

const STORED = "tagline.locale";

interface Chosen {
  locale: Locale;
  choose: (locale: Locale) => void;
}

export const useLocaleStore = create<Chosen>((set) => ({
  locale: preferred(local.get(STORED), navigator.languages),
  choose: (locale) => {
    local.set(STORED, locale);
    set({ locale });
  },
}));

/** Return the stored language, or the first of the browser's that we speak. */
export function preferred(stored: string | null, languages: readonly string[]): Locale {
  for (const language of [stored ?? "", ...languages]) {
    const ours = LOCALES.find((each) => each === language.slice(0, 2).toLowerCase());
    if (ours) return ours;
  }
  return "fr";
}

/** In components: what the page says, in its language; renders anew when that changes. */
export function useMessages(): Messages {
  return CATALOGUES[useLocaleStore((state) => state.locale)];
}

export function useLocale(): Locale {
  return useLocaleStore((state) => state.locale);
}

/** Outside of components: the language, and what is said in it, at this moment. */
export function locale(): Locale {
  return useLocaleStore.getState().locale;
}

export function messages(): Messages {
  return CATALOGUES[locale()];
}
