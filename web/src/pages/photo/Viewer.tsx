import { Maximize2, ZoomIn, ZoomOut } from "lucide-react";
import {
  type KeyboardEvent,
  type PointerEvent,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { Photo } from "../../api/types.ts";
import { Button } from "../../design/Button.tsx";
import { Picture, thumbnail } from "../../design/Picture.tsx";
import { percent } from "../../i18n/amounts.ts";
import { useLocale, useMessages } from "../../i18n/locale.ts";
import { nameOf } from "../../photos/name.ts";
import styles from "./Viewer.module.css";
import { fitting, MOST, scrolled, stepped, type Zoom } from "./zoom.ts";

const PREVIEW = 1024;

/** The original, as large as fits; larger by wheel, keys, double click and buttons. */
export function Viewer({ photo }: { photo: Photo }) {
  const { photo: messages } = useMessages();
  const locale = useLocale();
  const box = useRef<HTMLElement>(null);
  const [zoom, setZoom] = useState<Zoom>("fit");
  const [room, setRoom] = useState({ width: 0, height: 0 });
  const [broken, setBroken] = useState(false);
  const [preview, setPreview] = useState(true);
  const natural = useNatural(box, photo);
  const fit = room.width ? fitting(natural, room) : 1;
  const scale = zoom === "fit" ? fit : zoom;
  const anchor = useAnchoredScroll(box, scale);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setRoom({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const step = (direction: 1 | -1, at?: { x: number; y: number }) => {
    anchor(at);
    setZoom(stepped(zoom, direction, fit));
  };
  const toggle = (at?: { x: number; y: number }) => {
    anchor(at);
    setZoom(zoom === "fit" ? Math.max(1, fit * 2) : "fit");
  };
  useWheel(box, step);
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") step(1);
    else if (event.key === "-") step(-1);
    else if (event.key === "0") setZoom("fit");
    else return;
    event.preventDefault();
  };
  const { width, height } = { width: natural.width * scale, height: natural.height * scale };
  return (
    <figure
      className={styles.viewer}
      style={{ aspectRatio: `${natural.width} / ${natural.height}` }}
    >
      <section
        ref={box}
        className={styles.box}
        aria-label={messages.viewer}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys do that too
        tabIndex={0}
        data-zoomed={zoom !== "fit" || undefined}
        data-keys={zoom !== "fit" || undefined}
        onKeyDown={onKey}
        onDoubleClick={(event) => toggle(pointIn(event))}
        onPointerDown={startPan}
      >
        <div className={styles.image} style={{ width, height }}>
          {preview && (
            <Picture
              src={thumbnail(photo.id, PREVIEW)}
              alt=""
              className={styles.layer}
              eager
              onError={() => setPreview(false)}
            />
          )}
          {!broken && (
            <Picture
              src={photo.url}
              alt={photo.alt ?? photo.caption ?? nameOf(photo)}
              className={styles.layer}
              eager
              onError={() => setBroken(true)}
            />
          )}
        </div>
      </section>
      {broken && (
        <figcaption className={styles.note}>
          {preview ? messages.notShown : messages.unreadable}
        </figcaption>
      )}
      <div className={styles.tools}>
        <Button
          look="quiet"
          label={messages.zoomOut}
          icon={<ZoomOut size={18} aria-hidden />}
          disabled={zoom === "fit"}
          onClick={() => step(-1)}
        />
        <button
          type="button"
          className={styles.scale}
          aria-label={`${percent(scale, locale)} : ${zoom === "fit" ? messages.actual : messages.fit}`}
          title={zoom === "fit" ? messages.actual : messages.fit}
          onClick={() => toggle()}
        >
          {zoom === "fit" ? percent(scale, locale) : <Fitted scale={percent(scale, locale)} />}
        </button>
        <Button
          look="quiet"
          label={messages.zoomIn}
          icon={<ZoomIn size={18} aria-hidden />}
          disabled={scale >= MOST}
          onClick={() => step(1)}
        />
      </div>
    </figure>
  );
}

function Fitted({ scale }: { scale: string }) {
  return (
    <>
      <Maximize2 size={14} aria-hidden />
      {scale}
    </>
  );
}

/** The image's size upright, which its file may say only when it is loaded. */
function useNatural(box: React.RefObject<HTMLElement | null>, photo: Photo) {
  const [size, setSize] = useState({ width: photo.width, height: photo.height });
  useEffect(() => {
    const onLoad = ({ target }: Event) => {
      if (!(target instanceof HTMLImageElement) || !target.naturalWidth) return;
      const turned =
        target.naturalWidth > target.naturalHeight !== photo.width > photo.height &&
        target.naturalWidth !== target.naturalHeight;
      setSize(
        turned
          ? { width: photo.height, height: photo.width }
          : { width: photo.width, height: photo.height },
      );
    };
    const element = box.current;
    element?.addEventListener("load", onLoad, true); // it does not bubble
    return () => element?.removeEventListener("load", onLoad, true);
  }, [box, photo.width, photo.height]);
  return size;
}

/** Keep the point that is zoomed at where it is. Returns how to say which; the middle by default. */
function useAnchoredScroll(box: React.RefObject<HTMLElement | null>, scale: number) {
  const before = useRef(scale);
  const point = useRef<{ x: number; y: number }>(undefined);
  useLayoutEffect(() => {
    const element = box.current;
    if (element && before.current !== scale) {
      const { x, y } = point.current ?? {
        x: element.clientWidth / 2,
        y: element.clientHeight / 2,
      };
      element.scrollLeft = scrolled(element.scrollLeft, x, before.current, scale);
      element.scrollTop = scrolled(element.scrollTop, y, before.current, scale);
    }
    before.current = scale;
  }, [box, scale]);
  return (at: { x: number; y: number } | undefined) => {
    point.current = at;
  };
}

/** Zoom by the wheel with Ctrl, which is what a pinch on a trackpad is, too. */
function useWheel(
  box: React.RefObject<HTMLElement | null>,
  step: (direction: 1 | -1, at: { x: number; y: number }) => void,
): void {
  const now = useRef(step);
  now.current = step;
  useEffect(() => {
    const element = box.current;
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey || !element) return;
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      now.current(event.deltaY < 0 ? 1 : -1, { x: event.clientX - left, y: event.clientY - top });
    };
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, [box]);
}

function pointIn({ clientX, clientY, currentTarget }: React.MouseEvent<HTMLElement>) {
  const { left, top } = currentTarget.getBoundingClientRect();
  return { x: clientX - left, y: clientY - top };
}

/** Pull a zoomed image about with a mouse; fingers scroll anyway. */
function startPan(event: PointerEvent<HTMLElement>): void {
  const box = event.currentTarget;
  if (event.pointerType !== "mouse" || event.button || !box.dataset.zoomed) return;
  event.preventDefault();
  box.focus({ preventScroll: true });
  box.setPointerCapture(event.pointerId);
  const move = ({ movementX, movementY }: globalThis.PointerEvent) =>
    box.scrollBy({ left: -movementX, top: -movementY, behavior: "instant" });
  const stop = () => {
    box.removeEventListener("pointermove", move);
    box.removeEventListener("pointerup", stop);
    box.removeEventListener("pointercancel", stop);
  };
  box.addEventListener("pointermove", move);
  box.addEventListener("pointerup", stop);
  box.addEventListener("pointercancel", stop);
}
