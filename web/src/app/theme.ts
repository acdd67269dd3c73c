/** Light or dark: the switch's, else the system's. */

import { create } from "zustand";
import { local } from "./storage.ts";

export type Theme = "system" | "light" | "dark";
export const THEMES: readonly Theme[] = ["system", "light", "dark"];

const STORED = "tagline.theme";

interface Chosen {
  theme: Theme;
  choose: (theme: Theme) => void;
}

export const useTheme = create<Chosen>((set) => ({
  theme: THEMES.find((each) => each === local.get(STORED)) ?? "system",
  choose: (theme) => {
    local.set(STORED, theme);
    set({ theme });
  },
}));

/** Keep the page's look as chosen; tokens.css does the rest. */
export function applyTheme(): void {
  const apply = ({ theme }: Chosen) => {
    document.documentElement.dataset.theme = theme;
  };
  apply(useTheme.getState());
  useTheme.subscribe(apply);
}
