/** The photos that are followed: watched over a stream, polled while there is none. */

import type { Photo, Snapshot, Told } from "./events.ts";
import { backoff, type Timing } from "./pace.ts";
import { type Ending, refusal } from "./transports.ts";

export interface Link {
  gateway: string | undefined;
  key: string | undefined;
  timing: Timing;
  signal: AbortSignal;
  /** Return the socket ID while there is a stream, else "". */
  socketId: () => string;
  /** Called with each answer's status; the photos are asked for no more if it says false. */
  onAnswer: (status: number) => boolean;
  onSnapshot: (snapshot: Snapshot) => void;
}

interface Followed {
  /** The socket that the gateway knows to watch it. */
  readonly by: string;
  /** Stage and percent as last told. */
  readonly told: string;
}

const ENDS = ["photo:complete", "photo:error", "photo:cancelled"];
const UNENDED = ["queued", "processing"];
const REQUEST_MS = 10_000;

export class Watchlist {
  readonly #link: Link;
  readonly #photos = new Map<number, Followed>();
  #asking = false;
  #tries = 0;
  #askAt = 0;
  #pollAt = 0;

  constructor(link: Link) {
    this.#link = link;
    this.rest(link.timing.pollMs);
  }

  /** Follow a photo until it ends. */
  add(photoId: number): void {
    if (!this.#link.gateway) throw new Error("To watch a photo, name the gateway to follow()");
    this.#photos.set(photoId, { by: "", told: "" });
  }

  /** Poll nothing for `ms`. */
  rest(ms: number): void {
    this.#pollAt = Date.now() + ms;
  }

  /** Learn from what is told, whose socket is `by`. */
  hear(told: Told, by: string): void {
    if (told.event === "snapshot") {
      if (told.data.reason !== "watched" && told.data.reason !== "polled") this.#unwatch();
      for (const photo of told.data.photos) {
        const before = told.data.reason === "polled" ? this.#photos.get(photo.id)?.by : by;
        if (!UNENDED.includes(photo.status)) this.#photos.delete(photo.id);
        else this.#photos.set(photo.id, { by: before ?? "", told: toldOf(photo) });
      }
    } else if ("photoId" in told.data) {
      const { photoId } = told.data;
      const at = told.event === "photo:progress" ? `${told.data.stage} ${told.data.progress}` : "";
      if (ENDS.includes(told.event)) this.#photos.delete(photoId);
      else this.#photos.set(photoId, { by, told: at });
    }
  }

  /** Believe in no watch: the server may know of those alone that it tells of. */
  #unwatch(): void {
    for (const [id, photo] of this.#photos) this.#photos.set(id, { ...photo, by: "" });
  }

  /** Ask for what there is to ask now. */
  ask(): void {
    if (this.#asking || !this.#link.gateway || Date.now() < this.#askAt) return;
    this.#asking = true;
    this.#askAll().finally(() => {
      this.#asking = false;
    });
  }

  async #askAll(): Promise<void> {
    const { timing, socketId } = this.#link;
    let polled = false;
    for (const [id, photo] of this.#photos) {
      const by = photo.by === socketId() ? "" : socketId();
      if (!by && Date.now() < this.#pollAt) continue;
      const { code, afterMs, answer } = await this.#request(id, by);
      if (this.#link.signal.aborted) return;
      if (code === 0 || code === 429 || code >= 500) {
        this.#askAt = Date.now() + afterMs + backoff(++this.#tries, timing);
        return;
      }
      if (!this.#link.onAnswer(code)) return;
      this.#tries = 0;
      polled ||= !by;
      // An event that came meanwhile is newer than the answer.
      if (this.#photos.get(id) === photo) this.#answered(id, photo, by, code, answer);
    }
    if (polled) this.rest(socketId() ? timing.quietMs : timing.pollMs * (0.5 + Math.random()));
  }

  #answered(id: number, photo: Followed, by: string, code: number, answer?: Photo): void {
    const reason = by ? "watched" : "polled";
    if (code === 404) {
      this.#photos.delete(id);
      this.#link.onSnapshot({ reason, photos: [], missing: [id] });
    } else if (by) {
      this.#photos.set(id, { ...photo, by }); // refused, it can still be polled
    }
    if (answer && (by || toldOf(answer) !== photo.told)) {
      this.#link.onSnapshot({ reason, photos: [answer], missing: [] });
    }
  }

  async #request(id: number, by: string): Promise<Ending & { answer?: Photo }> {
    const { gateway, key, signal } = this.#link;
    const url = `${gateway?.replace(/\/$/, "")}/api/photos/${id}${by ? "/watch" : ""}`;
    const headers = new Headers();
    if (key) headers.set("Authorization", `Bearer ${key}`);
    if (by) headers.set("X-Socket-Id", by);
    try {
      const response = await fetch(url, {
        method: by ? "POST" : "GET",
        headers,
        cache: "no-store",
        signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
      });
      if (!response.ok) return refusal(response);
      return { code: response.status, afterMs: 0, answer: await response.json() };
    } catch {
      return { code: 0, afterMs: 0 };
    }
  }
}

function toldOf(photo: Photo): string {
  return `${photo.status === "queued" ? "queued" : photo.stage} ${photo.progress}`;
}
