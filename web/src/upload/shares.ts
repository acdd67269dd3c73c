/** Return which share of each file has left when `sent` of the `total` bytes of a request have. */
export function shares(sizes: readonly number[], sent: number, total: number): number[] {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  let left = total > 0 ? (sent / total) * bytes : 0;
  return sizes.map((size) => {
    const share = size > 0 ? Math.min(1, Math.max(0, left / size)) : left >= 0 ? 1 : 0;
    left -= size;
    return share;
  });
}
