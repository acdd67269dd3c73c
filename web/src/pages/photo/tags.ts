/** The tags that a person gives a photo. Pure. */

/** Tags of one photo; the server's limit. */
export const MOST = 50;

/** What no name is made of: the server takes it for blanks. */
const NO_NAME = /[^\p{L}\p{M}\p{N}\-'’&./+#]+/gu;

/** Return `names` with what was written, which may be several by commas; the same if that is none. */
export function added(names: readonly string[], written: string): readonly string[] {
  const fresh = written
    .split(",")
    .map((name) => name.normalize("NFKC").replace(NO_NAME, " ").trim().toLowerCase())
    .filter((name) => /[\p{L}\p{N}]/u.test(name) && !names.includes(name));
  return fresh.length ? [...names, ...new Set(fresh)].slice(0, MOST) : names;
}
