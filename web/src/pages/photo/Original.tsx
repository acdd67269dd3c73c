import { Download } from "lucide-react";
import type { MouseEvent } from "react";
import { askBlob } from "../../api/client.ts";
import { currentKey } from "../../api/key.ts";
import { explain } from "../../api/problems.ts";
import type { Photo } from "../../api/types.ts";
import { messages, useMessages } from "../../i18n/locale.ts";
import { nameOf } from "../../photos/name.ts";
import { toast } from "../../toasts/toasts.tsx";

/** In ms. For so long what was fetched is there: nothing tells when a browser has saved it. */
const KEPT_MS = 60_000;

/** The link to a photo's file. Where the server wants a key, which a link cannot send, it is fetched. */
export function Original({ photo, className }: { photo: Photo; className?: string | undefined }) {
  const { download } = useMessages().photo;
  const name = nameOf(photo);
  const fetched = (event: MouseEvent) => {
    if (currentKey() === undefined) return;
    event.preventDefault();
    save(photo.url, name).catch((error) => toast.error(explain(error, messages())));
  };
  return (
    <a
      href={photo.url}
      download={name}
      className={className}
      aria-label={download}
      title={download}
      onClick={fetched}
    >
      <Download size={18} strokeWidth={1.75} aria-hidden />
    </a>
  );
}

async function save(path: string, name: string): Promise<void> {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await askBlob(path));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
