import { Image } from "lucide-react";
import { useState } from "react";
import { Picture, thumbnail } from "../design/Picture.tsx";
import type { Item } from "../upload/groups.ts";

interface Props {
  item: Item;
  /** Longest side in CSS pixels. */
  size: number;
  className?: string | undefined;
}

/** An item's photo: from its file at once, else the server's thumbnail, else a sign for it. */
export function Preview({ item, size, className }: Props) {
  const [failed, setFailed] = useState<string[]>([]);
  const fromServer = item.photoId === undefined ? undefined : thumbnail(item.photoId, size * 2);
  const src = [item.preview, fromServer].find((each) => each && !failed.includes(each));
  if (!src) {
    return (
      <span className={className}>
        <Image size={Math.min(28, size / 2)} strokeWidth={1.5} aria-hidden />
      </span>
    );
  }
  const onError = () => setFailed((before) => [...before, src]);
  return <Picture src={src} alt="" className={className} eager onError={onError} />;
}
