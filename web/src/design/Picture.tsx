/** An image of ours. Where the server wants a key, which an <img> cannot send, it is fetched. */

import { useEffect, useState } from "react";
import { askBlob } from "../api/client.ts";
import { useKey } from "../api/key.ts";

interface Props {
  /** A path of the gateway, or an object URL. */
  src: string;
  alt: string;
  className?: string | undefined;
  /** Load it now and not when it comes near. */
  eager?: boolean;
  onLoad?: () => void;
  onError?: () => void;
}

export function Picture({ src, alt, className, eager, onLoad, onError }: Props) {
  const shown = useSource(src);
  return (
    <img
      src={shown}
      alt={alt}
      className={className}
      loading={eager ? "eager" : "lazy"}
      decoding="async"
      draggable={false}
      onLoad={onLoad}
      onError={onError}
    />
  );
}

function useSource(src: string): string | undefined {
  const key = useKey((state) => state.key);
  const direct = !key || !src.startsWith("/");
  const [fetched, setFetched] = useState<string>();
  useEffect(() => {
    if (direct) return;
    const leaving = new AbortController();
    let url: string | undefined;
    askBlob(src, leaving.signal)
      .then((blob) => {
        url = URL.createObjectURL(blob);
        setFetched(url);
      })
      .catch(() => setFetched(undefined));
    return () => {
      leaving.abort();
      if (url) URL.revokeObjectURL(url);
    };
  }, [src, direct]);
  return direct ? src : fetched;
}

/** Return the address of a photo's thumbnail, its longest side at most `size` pixels. */
export function thumbnail(id: number, size: number): string {
  return `/api/photos/${id}/thumbnail?size=${size}`;
}
