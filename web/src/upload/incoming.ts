/** How files come in: dropped anywhere, pasted, picked. */

import { messages } from "../i18n/locale.ts";
import { toast } from "../toasts/toasts.tsx";
import { upload } from "./upload.ts";

/** Take what is dropped on the page or pasted into it; `over` hears when files hang above it. */
export function takeFiles(over: (hovering: boolean) => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  let depth = 0; // enter and leave come for every element on the way
  const on = (
    name: "dragenter" | "dragover" | "dragleave" | "drop",
    act: (event: DragEvent) => void,
  ) =>
    addEventListener(
      name,
      (event) => {
        if (!event.dataTransfer?.types.includes("Files")) return;
        event.preventDefault();
        act(event);
      },
      { signal },
    );
  const hover = (now: number) => {
    depth = Math.max(0, now);
    over(depth > 0);
  };
  on("dragenter", () => hover(depth + 1));
  on("dragleave", () => hover(depth - 1));
  on("dragover", ({ dataTransfer }) => {
    if (dataTransfer) dataTransfer.dropEffect = "copy";
  });
  on("drop", ({ dataTransfer }) => {
    hover(0);
    take(dataTransfer);
  });
  addEventListener("paste", ({ clipboardData }) => take(clipboardData), { signal });
  return () => stop.abort();
}

/** Upload the files of a drop or a paste; of folders say that they are none. */
function take(data: DataTransfer | null): void {
  const given = [...(data?.items ?? [])].filter((item) => item.kind === "file");
  const isFolder = (item: DataTransferItem) => Boolean(item.webkitGetAsEntry?.()?.isDirectory);
  const folders = given.filter(isFolder);
  if (folders.length) toast.info(messages().upload.folders);
  const files = given.filter((item) => !folders.includes(item)).map((item) => item.getAsFile());
  upload(files.filter((file) => file !== null));
}
