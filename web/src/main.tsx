import "./design/tokens.css";
import "./design/base.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App.tsx";
import { readConfig } from "./app/config.ts";
import { loadAll } from "./app/later.tsx";
import { applyTheme } from "./app/theme.ts";
import { ErrorNotice } from "./design/Notice.tsx";
import { messages, useLocaleStore } from "./i18n/locale.ts";
import { startLive } from "./live/store.ts";
import { startRemoval } from "./photos/removal.ts";
import { startPhotoToasts } from "./toasts/photos.ts";
import { restoreGroups } from "./upload/groups.ts";

/** While the gateway does not answer, it is asked again after so long, ms. */
const AGAIN_MS = 4_000;
/** What is visited later is loaded after so long, ms: first comes what is looked at. */
const LATER_MS = 2_000;

const element = document.getElementById("root");
if (!element) throw new Error("index.html has lost its #root");
const root = createRoot(element);

applyTheme();
useLocaleStore.subscribe(speak);
speak(useLocaleStore.getState());
await configured();
startLive();
restoreGroups();
startPhotoToasts();
startRemoval();
// The page finds its place by itself, for its photos are not there when the browser would.
history.scrollRestoration = "manual";

root.render(
  <StrictMode>
    <App />
  </StrictMode>,
);
setTimeout(loadAll, LATER_MS);

/** Read what the gateway says of itself, without which there is no page; say so while it does not. */
async function configured(): Promise<void> {
  for (;;) {
    try {
      return await readConfig();
    } catch (error) {
      await new Promise<void>((again) => {
        const title = messages().gallery.away;
        root.render(<ErrorNotice title={title} error={error} whole onRetry={again} />);
        setTimeout(again, AGAIN_MS);
      });
    }
  }
}

/** Tell the browser which language this is. */
function speak({ locale }: { locale: string }): void {
  document.documentElement.lang = locale;
}
