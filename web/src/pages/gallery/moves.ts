/** Where the arrow keys lead in a grid. Pure. */

/** Return the index that `key` leads to from `from`; undefined if it leads nowhere. */
export function moveBy(
  key: string,
  from: number,
  count: number,
  columns: number,
  rowsSeen: number,
): number | undefined {
  const column = from % columns;
  switch (key) {
    case "ArrowLeft":
      return within(from - 1, count);
    case "ArrowRight":
      return within(from + 1, count);
    case "ArrowUp":
      return within(from - columns, count);
    case "ArrowDown":
      // Down from above the last, shorter row: to its end.
      return within(from + columns, count) ?? below(from, count, columns);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    case "PageUp":
      return Math.max(column, from - columns * rowsSeen);
    case "PageDown":
      return Math.min(count - 1, from + columns * rowsSeen);
    default:
      return undefined;
  }
}

function within(index: number, count: number): number | undefined {
  return index >= 0 && index < count ? index : undefined;
}

function below(from: number, count: number, columns: number): number | undefined {
  const lastRow = Math.floor((count - 1) / columns);
  return Math.floor(from / columns) < lastRow ? count - 1 : undefined;
}
