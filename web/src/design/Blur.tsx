/** What a photo looks like, blurred, until it is there. */

import { useLayoutEffect, useRef } from "react";
import { blurred } from "./blur.ts";

interface Props {
  hash: string;
  /** Of the photo, pixels. */
  width: number;
  height: number;
  className?: string | undefined;
}

export function Blur({ hash, width, height, className }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const pixels = blurred(hash, width, height);
    if (!canvas.current || !pixels) return;
    canvas.current.width = pixels.width;
    canvas.current.height = pixels.height;
    const image = new ImageData(pixels.rgba, pixels.width, pixels.height);
    canvas.current.getContext("2d")?.putImageData(image, 0, 0);
  }, [hash, width, height]);
  return <canvas ref={canvas} className={className} aria-hidden />;
}
