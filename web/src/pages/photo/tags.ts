/** The tags that a person gives a photo. Pure. */

/** Tags of one photo; the server's limit. */
export const MOST = 50;

/** Return `names` with what was written, which may be several by commas; the same if that is none. */
export function added(names: readonly string[], written: string): readonly string[] {
  const fresh = written
    .split(",")
    .map((name) => name.trim().replace(/\s+/g, " ").toLowerCase())
    .filter((name) => name && !names.includes(name));
  return fresh.length ? [...names, ...new Set(fresh)].slice(0, MOST) : names;
}
