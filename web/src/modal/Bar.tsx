import { useEffect, useRef } from "react";
import styles from "./Bar.module.css";
import { moved } from "./motion.ts";
import type { Span } from "./view.ts";

interface Props {
  span: Span;
  label: string;
  tone?: "accent" | "bad" | "quiet";
  /** Shows the percentage as a number beside it. */
  numbered?: boolean;
  thin?: boolean;
}

/** A progress bar. It draws outside of React, a frame at a time, and only while it moves. */
export function Bar({ span, label, tone = "accent", numbered, thin }: Props) {
  const fill = useRef<HTMLDivElement>(null);
  const number = useRef<HTMLSpanElement>(null);
  const shown = useRef(0);
  const { floor, ceiling } = span;
  useEffect(() => {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let frame = 0;
    let last = performance.now();
    const draw = (now: number) => {
      const before = shown.current;
      shown.current = still
        ? Math.max(before, floor)
        : moved(before, { floor, ceiling }, Math.max(0, now - last));
      last = now;
      if (fill.current) fill.current.style.transform = `scaleX(${shown.current / 100})`;
      if (number.current) number.current.textContent = String(Math.round(shown.current));
      if (!still && shown.current < ceiling) frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, [floor, ceiling]);
  return (
    <div className={styles.row} data-tone={tone} data-thin={thin || undefined}>
      <div
        className={styles.track}
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(floor)}
      >
        <div ref={fill} className={styles.fill} />
      </div>
      {numbered && (
        <span className={styles.number} aria-hidden>
          <span ref={number}>0</span> %
        </span>
      )}
    </div>
  );
}
