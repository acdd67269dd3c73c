/**
 * Whether files are what the server takes, as it judges itself: by their first bytes. Its tests and
 * ours read the same ones, `tests/heads.json`.
 */

/** Enough of a file to tell its format. */
const HEAD_BYTES = 64;

const STARTS = ["\xff\xd8\xff", "\x89PNG\r\n\x1a\n", "GIF87a", "GIF89a"];
const BRANDS = ["heic", "heix", "hevc", "hevx", "heim", "heis", "avif", "avis"];

/** Return the code by which `file` would be refused once it was sent, undefined if it may be sent. */
export async function faultOf(file: Blob): Promise<"unsupported_image" | "unreadable" | undefined> {
  try {
    const head = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
    return isTaken(String.fromCharCode(...head)) ? undefined : "unsupported_image";
  } catch {
    return "unreadable"; // it is gone, or was changed since it was chosen
  }
}

function isTaken(head: string): boolean {
  if (STARTS.some((start) => head.startsWith(start))) return true;
  if (head.startsWith("RIFF")) return head.startsWith("WEBP", 8);
  return head.startsWith("ftyp", 4) && brandsIn(head).some((brand) => BRANDS.includes(brand));
}

/** ISO/IEC 14496-12: box size, `ftyp`, major brand, version, compatible brands. Videos are so, too. */
function brandsIn(head: string): string[] {
  const size = [0, 1, 2, 3].reduce((size, at) => size * 256 + head.charCodeAt(at), 0);
  const box = head.slice(0, size);
  return [box.slice(8, 12), ...(box.slice(16).match(/.{4}/gs) ?? [])];
}
