/** A dialog over the page. The page behind it is inert, so that focus cannot leave for it. */

import { type ReactNode, useEffect, useId, useRef } from "react";
import { createPortal } from "react-dom";
import styles from "./Dialog.module.css";
import surfaces from "./surfaces.module.css";

interface Props {
  title: string;
  /** The title is said, but not seen: the content has its own. */
  untitled?: boolean;
  /** Esc, or a click outside. */
  onClose: () => void;
  width?: "narrow" | "wide";
  children: ReactNode;
}

/** The dialogs that are open, the topmost last. The page is inert while there are any. */
const open: HTMLElement[] = [];

export function Dialog({ title, untitled, onClose, width = "narrow", children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const titleId = useId();
  useEffect(() => (box.current ? hold(box.current) : undefined), []);
  useEffect(() => {
    // On the whole document: the button that had the focus may be gone.
    const onKey = (event: KeyboardEvent) => {
      if (event.isComposing || !box.current || open.at(-1) !== box.current) return;
      if (event.key === "Escape") onClose();
      if (event.key === "Tab" && goRound(box.current, event.shiftKey)) event.preventDefault();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, [onClose]);
  return createPortal(
    <div
      className={styles.scrim}
      onPointerDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <div
        ref={box}
        role="dialog"
        aria-modal
        aria-labelledby={titleId}
        tabIndex={-1}
        className={[styles.box, styles[width], surfaces.glass].join(" ")}
      >
        <h2 id={titleId} className={untitled ? "unseen" : styles.title}>
          {title}
        </h2>
        {children}
      </div>
    </div>,
    document.body,
  );
}

/** Take the focus, and give it back to where it was in the end. */
function hold(box: HTMLElement): () => void {
  const root = document.getElementById("root");
  const before = document.activeElement;
  open.push(box);
  root?.setAttribute("inert", "");
  const first = box.querySelector<HTMLElement>("[data-first]") ?? box;
  first.focus({ preventScroll: true });
  return () => {
    open.splice(open.indexOf(box), 1);
    if (open.length === 0) root?.removeAttribute("inert");
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  };
}

/** Go from the last element to the first, or back; says whether it was there to be done. */
function goRound(box: HTMLElement, back: boolean): boolean {
  const all = [...box.querySelectorAll<HTMLElement>("a[href], button:enabled, input:enabled")];
  const at = all.indexOf(document.activeElement as HTMLElement);
  const beyond = back ? at <= 0 : at < 0 || at === all.length - 1;
  if (beyond) (all.at(back ? -1 : 0) ?? box).focus();
  return beyond;
}
