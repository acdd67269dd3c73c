/** How files come in: dropped anywhere, pasted, picked. */

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
    upload(filesOf(dataTransfer));
  });
  addEventListener("paste", ({ clipboardData }) => upload(filesOf(clipboardData)), { signal });
  return () => stop.abort();
}

/** Return the files of a drop or a paste; folders are none. */
function filesOf(data: DataTransfer | null): File[] {
  return [...(data?.items ?? [])]
    .filter((item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory)
    .map((item) => item.getAsFile())
    .filter((file) => file !== null);
}
