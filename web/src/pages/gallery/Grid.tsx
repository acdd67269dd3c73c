import { defaultRangeExtractor, useWindowVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useMessages } from "../../i18n/locale.ts";
import { watchAll } from "../../live/store.ts";
import { indexIn } from "../../photos/known.ts";
import { more, need, setActive, useListing } from "../../photos/listing.ts";
import styles from "./Grid.module.css";
import { type Layout, layoutFor } from "./layout.ts";
import { moveBy } from "./moves.ts";
import { useAnchor, useFlying } from "./scrolling.ts";
import { NONE, ranged, type Selection, toggled } from "./selection.ts";
import { Tile } from "./Tile.tsx";

/** Rows that are drawn, and ones that are fetched, before they are seen. */
const AHEAD = 3;
const FETCHED_AHEAD = 8;
/** What covers the top of the window: header and tools, px. */
const COVERED = 140;

interface Props {
  ids: readonly number[];
  /** There are no more than these. */
  whole: boolean;
  selection: Selection;
  onSelect: (selection: Selection) => void;
  onDelete: (ids: readonly number[]) => void;
}

/** The grid of all photos, of which those near the window are drawn. */
export function Grid({ ids, whole, selection, onSelect, onDelete }: Props) {
  const { gallery } = useMessages();
  const frame = useRef<HTMLDivElement>(null);
  const { layout, top } = useLayout(frame);
  const { columns, row, gap } = layout;
  const activeId = useListing((state) => state.active);
  const active = Math.max(0, activeId === undefined ? 0 : indexIn(ids, activeId));
  const activeRow = Math.floor(active / columns);
  const looked = useListing((state) => state.looked);
  const held = looked || frame.current?.contains(document.activeElement);
  const rows = useWindowVirtualizer({
    count: Math.ceil(ids.length / columns),
    estimateSize: () => row,
    gap,
    overscan: AHEAD,
    scrollMargin: top,
    scrollPaddingStart: COVERED,
    scrollPaddingEnd: gap,
    // The row that has the focus keeps it wherever one scrolls.
    rangeExtractor: (range) =>
      held
        ? [...new Set([activeRow, ...defaultRangeExtractor(range)])]
        : defaultRangeExtractor(range),
  });
  useLayoutEffect(() => rows.measure(), [row, gap, rows]);
  const first = (rows.range?.startIndex ?? 0) * columns;
  const last = Math.min(ids.length - 1, ((rows.range?.endIndex ?? 0) + 1) * columns - 1);
  useContent(ids, first, last, columns);
  // Whoever comes by the tab key comes to what is seen.
  const stop = held || (active >= first && active <= last) ? active : first;
  useAnchor(ids, first, layout, top, rows.getTotalSize());
  const flying = useFlying(rows.isScrolling);
  const focus = useFocus(frame, active, columns, rows);
  useReturn(frame, active, activeRow, top, rows);
  const pick = usePick(ids, selection, onSelect);
  const onKey = (event: KeyboardEvent) => {
    const rowsSeen = Math.max(1, Math.floor((innerHeight - COVERED) / (row + gap)) - 1);
    const to = moveBy(event.key, active, ids.length, columns, rowsSeen);
    const [from, target] = [ids[active], to === undefined ? undefined : ids[to]];
    if (target !== undefined && from !== undefined && !event.altKey) {
      if (event.shiftKey) onSelect(ranged(selection, ids, from, target));
      focus(target);
    } else if (event.key === " " && from !== undefined && isLink(event)) pick(from, false);
    else if (event.key === "a" && (event.ctrlKey || event.metaKey))
      onSelect({ ids: new Set(ids), anchor: ids[0] });
    else if (event.key === "Escape" && selection.ids.size) onSelect(NONE);
    else if (event.key === "Delete" && from !== undefined)
      onDelete(selection.ids.size ? [...selection.ids] : [from]);
    else return;
    event.preventDefault();
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: it is no table
    <div
      ref={frame}
      role="grid"
      tabIndex={-1}
      className={styles.grid}
      style={{ height: rows.getTotalSize() }}
      aria-label={gallery.grid}
      aria-description={gallery.keys}
      aria-multiselectable
      aria-rowcount={whole ? Math.ceil(ids.length / columns) : -1}
      aria-colcount={columns}
      onKeyDown={onKey}
    >
      {rows.getVirtualItems().map(({ index, start }) => (
        // biome-ignore lint/a11y/useFocusableInteractive: the focus is on what is in it
        // biome-ignore lint/a11y/useSemanticElements: rows that are placed one by one are no table
        <div
          key={index}
          role="row"
          aria-rowindex={index + 1}
          className={styles.row}
          style={{
            transform: `translateY(${start - top}px)`,
            gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
            columnGap: gap,
            height: row,
          }}
        >
          {ids.slice(index * columns, (index + 1) * columns).map((id, column) => (
            <Tile
              key={id}
              id={id}
              index={index * columns + column}
              column={column}
              side={layout.side}
              active={index * columns + column === stop}
              selected={selection.ids.has(id)}
              selecting={selection.ids.size > 0}
              flying={flying}
              onPick={pick}
              onFocus={setActive}
            />
          ))}
        </div>
      ))}
    </div>
  );
}

function isLink({ target }: KeyboardEvent): boolean {
  return target instanceof HTMLAnchorElement;
}

/** The layout for the frame's width, and where it begins on the page. */
function useLayout(frame: React.RefObject<HTMLDivElement | null>): { layout: Layout; top: number } {
  const [state, setState] = useState({ layout: layoutFor(innerWidth), top: 0 });
  useLayoutEffect(() => {
    const element = frame.current;
    if (!element) return;
    const measure = () => {
      const { width, top } = element.getBoundingClientRect();
      setState({ layout: layoutFor(width), top: top + scrollY });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    observer.observe(document.body); // what is above it may have changed
    return () => observer.disconnect();
  }, [frame]);
  return state;
}

/** Have what is seen fetched, and followed while it is in work. */
function useContent(ids: readonly number[], first: number, last: number, columns: number): void {
  const photos = useListing((state) => state.photos);
  const failed = useListing((state) => state.error !== undefined);
  useEffect(() => {
    if (failed) return; // what asks again is the page
    need(Math.max(0, first - AHEAD * columns), Math.min(ids.length - 1, last + AHEAD * columns));
    if (last + FETCHED_AHEAD * columns >= ids.length) more();
  }, [ids, first, last, columns, photos, failed]);
  useEffect(() => {
    const seen = ids.slice(first, last + 1).map((id) => photos.get(id));
    watchAll(seen.filter((photo) => photo !== undefined));
  }, [ids, first, last, photos]);
}

type Rows = ReturnType<typeof useWindowVirtualizer>;

/** Return how to move the focus to a photo; it may have to be drawn first. */
function useFocus(
  frame: React.RefObject<HTMLDivElement | null>,
  active: number,
  columns: number,
  rows: Rows,
) {
  const wanted = useRef(false);
  const photos = useListing((state) => state.photos);
  // Again when its content has come, without which there is nothing to focus.
  useEffect(() => {
    if (!wanted.current) return;
    rows.scrollToIndex(Math.floor(active / columns), { align: "auto" });
    const link = frame.current?.querySelector<HTMLElement>(`[data-index="${active}"]`);
    wanted.current = !link;
    (link ?? frame.current)?.focus({ preventScroll: true });
  }, [frame, active, columns, rows, photos]);
  return useCallback((id: number) => {
    wanted.current = true;
    setActive(id);
  }, []);
}

/** Who comes back from a photo's page finds the photo, and has the focus on it. */
function useReturn(
  frame: React.RefObject<HTMLDivElement | null>,
  active: number,
  activeRow: number,
  top: number,
  rows: Rows,
): void {
  useEffect(() => {
    if (!top || !useListing.getState().looked) return; // not measured yet, or not from there
    rows.scrollToIndex(activeRow, { align: "center" });
    const link = frame.current?.querySelector<HTMLElement>(`[data-index="${active}"]`);
    link?.focus({ preventScroll: true });
  }, [frame, active, activeRow, top, rows]);
}

/** Return how a photo is picked, the same function for good: tiles are drawn anew without need else. */
function usePick(
  ids: readonly number[],
  selection: Selection,
  onSelect: (selection: Selection) => void,
) {
  const now = useRef({ ids, selection, onSelect });
  now.current = { ids, selection, onSelect };
  return useCallback((id: number, range: boolean) => {
    const { ids: all, selection: before, onSelect: tell } = now.current;
    setActive(id);
    tell(range ? ranged(before, all, before.anchor ?? id, id) : toggled(before, id));
  }, []);
}
