import "./design/tokens.css";
import "./design/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App.tsx";
import { readConfig } from "./app/config.ts";
import { applyTheme } from "./app/theme.ts";
import { useLocaleStore } from "./i18n/locale.ts";
import { startLive } from "./live/store.ts";
import { startRemoval } from "./photos/removal.ts";
import { startPhotoToasts } from "./toasts/photos.ts";
import { restoreGroups } from "./upload/groups.ts";

applyTheme();
useLocaleStore.subscribe(speak);
speak(useLocaleStore.getState());
await readConfig();
startLive();
restoreGroups();
startPhotoToasts();
startRemoval();
// The page finds its place by itself, for its photos are not there when the browser would.
history.scrollRestoration = "manual";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has lost its #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

/** Tell the browser which language this is. */
function speak({ locale }: { locale: string }): void {
  document.documentElement.lang = locale;
}
