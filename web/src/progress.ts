/**
 * Follows photos and misses no event. No dependencies, nothing but a browser: to be copied.
 *
 * Each round tries a WebSocket, then server-sent events; between rounds, whose pauses grow,
 * the photos are polled. One cursor, the id of the last event, goes through all of it:
 * whatever stream is had next goes on after it.
 */

import type { Events, Snapshot, Told } from "./events.ts";
import { backoff, pause, TIMING, type Timing } from "./pace.ts";
import { type Ending, type Frame, serverSentEvents, webSocket } from "./transports.ts";
import { Watchlist } from "./watchlist.ts";

/** How the events come. Until it is `stopped`, the client comes back by itself. */
export type State = "connecting" | keyof typeof STREAMS | "polling" | "stopped";

export interface Options {
  /** Where the gateway is. Without it nothing can be watched or polled. */
  gateway?: string;
  key?: string;
  /** Called with each event once and in order, and with snapshots. */
  onEvent: (told: Told) => void;
  /** Called when it changes, at first from `connecting`. `error` says why it has stopped. */
  onState?: (state: State, error?: StoppedError) => void;
  timing?: Partial<Timing>;
}

export interface Progress {
  /** To be named at upload, as X-Socket-Id. Another one after the server forgot the first. */
  readonly socketId: Promise<string>;
  /** Follow a photo until it ends; what it is now comes as a snapshot. */
  watch(photoId: number): void;
  close(): void;
}

/** The server will not have this client; `code` is its HTTP status or close code. */
export class StoppedError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const STREAMS = { websocket: webSocket, sse: serverSentEvents };
const STOPS: Record<number, string> = {
  401: "the key is missing or wrong",
  403: "this page's origin is not allowed",
  1002: "the server does not understand this client",
  1009: "this client has sent too much",
  4001: "another connection has taken this socket over",
};
/** Close codes after which it makes no sense to be back at once. */
const PAUSES_MS: Record<number, number> = { 1013: 1000, 4429: 1000 };
/** The server makes no sense of what was to be resumed. */
const ANEW = [400, 4400];

/** Follow the notifier at `notifier`, an http or https address. Throws if it is none. */
export function follow(notifier: string, options: Options): Progress {
  return new Follower(new URL(notifier), options);
}

class Follower implements Progress {
  readonly #notifier: URL;
  readonly #options: Options;
  readonly #timing: Timing;
  readonly #watchlist: Watchlist;
  readonly #closing = new AbortController();
  #step = new AbortController(); // the connection or the pause that is under way
  #named = promised();
  #id = "";
  #cursor = "";
  #state: State = "connecting";
  #stream: keyof typeof STREAMS | undefined;
  #live = false;
  #since = Date.now(); // since when the stream is being made, then is live
  #aliveAt = Date.now();
  #pulseAt = Date.now();
  #climbAt = 0;
  #climbMs: number;

  constructor(notifier: URL, options: Options) {
    this.#notifier = notifier;
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#climbMs = this.#timing.climbMs;
    const { signal } = this.#closing;
    this.#watchlist = new Watchlist({
      gateway: options.gateway,
      key: options.key,
      timing: this.#timing,
      signal,
      socketId: () => (this.#live ? this.#id : ""),
      onAnswer: (status) => this.#answered(status),
      onSnapshot: (snapshot) => this.#snapshot(snapshot),
    });
    const pulse = setInterval(() => this.#pulse(), this.#timing.pulseMs);
    signal.addEventListener("abort", () => clearInterval(pulse));
    // A network that is back is another one: what was open over the old one is dead.
    globalThis.addEventListener?.("online", () => this.#step.abort(), { signal });
    globalThis.document?.addEventListener("visibilitychange", () => this.#pulse(), { signal });
    this.#run();
  }

  get socketId(): Promise<string> {
    return this.#named.promise;
  }

  watch(photoId: number): void {
    this.#watchlist.add(photoId);
    this.#watchlist.ask();
  }

  close(): void {
    this.#end(new Error("closed"));
  }

  #end(reason: Error): void {
    this.#named.reject(reason);
    this.#closing.abort();
    this.#step.abort();
  }

  get #closed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    for (let tries = 0; !this.#closed; ) {
      const { code, afterMs } = await this.#round();
      const leastMs = Math.max(afterMs, PAUSES_MS[code] ?? 0);
      if (this.#closed || this.#refused(code)) return;
      if (ANEW.includes(code)) this.#forget();
      const live = this.#live;
      this.#live = false;
      if (live && this.#step.signal.aborted) continue; // left by us, for a better one
      if (live) this.#become("connecting"); // else it is that, or polling
      this.#watchlist.rest(this.#timing.pollMs);
      tries = live && Date.now() - this.#since >= this.#timing.stableMs ? 0 : tries + 1;
      this.#step = new AbortController();
      // What the server asks for is waited out; a pause of our own ends when there is news.
      const until = leastMs ? this.#closing : this.#step;
      await pause(leastMs + backoff(tries, this.#timing), until.signal);
    }
  }

  /** Follow the first stream that is to be had, until it ends. */
  async #round(): Promise<Ending> {
    if (Date.now() >= this.#climbAt) {
      const ending = await this.#follow("websocket");
      // A notifier that closes with a code would say the same to the other request.
      if (this.#live || this.#closed || ending.code) return ending;
    }
    // A browser is not told why a WebSocket is refused; this request is told.
    return this.#follow("sse");
  }

  async #follow(stream: keyof typeof STREAMS): Promise<Ending> {
    const url = new URL(this.#notifier);
    url.pathname = `${url.pathname.replace(/\/$/, "")}/${stream === "sse" ? "sse" : "ws"}`;
    if (this.#id) {
      url.searchParams.set("socketId", this.#id);
      url.searchParams.set("lastEventId", this.#cursor);
    }
    this.#stream = stream;
    this.#live = false;
    this.#since = Date.now();
    this.#step = new AbortController();
    const ending = await STREAMS[stream](url, {
      key: this.#options.key,
      signal: this.#step.signal,
      onAlive: () => this.#alive(),
      onFrame: (frame) => this.#take(frame),
    });
    this.#stream = undefined;
    if (!this.#live) this.#climbAt = 0;
    return ending;
  }

  #alive(): void {
    this.#aliveAt = Date.now();
    this.#watchlist.rest(this.#timing.quietMs);
  }

  #take({ id, event, data }: Frame): void {
    if (event === "connected") {
      this.#cursor = id;
      this.#connected(data.socketId);
    } else if (event === "resync") {
      this.#cursor = id;
      this.#tell({ id, event: "snapshot", data: { missing: [], ...data } });
    } else if (isAfter(id, this.#cursor)) {
      this.#cursor = id;
      this.#tell({ id, event: event as keyof Events, data } as Told);
    }
  }

  #connected(socketId: string): void {
    this.#id = socketId;
    this.#named.resolve(socketId);
    this.#live = true;
    this.#since = Date.now();
    if (this.#stream === "websocket") {
      this.#climbMs = this.#timing.climbMs;
    } else if (this.#since >= this.#climbAt) {
      this.#climbAt = this.#since + this.#climbMs;
      this.#climbMs = Math.min(this.#climbMs * 2, this.#timing.climbMs * 16);
    }
    this.#become(this.#stream ?? "connecting");
    this.#watchlist.ask();
  }

  #forget(): void {
    if (!this.#id) return;
    this.#id = this.#cursor = "";
    this.#named = promised();
  }

  /** Leave a stream that cannot be alive, or for a better one; ask what there is to ask. */
  #pulse(): void {
    const now = Date.now();
    const slept = now - this.#pulseAt > this.#timing.sleptMs;
    this.#pulseAt = now;
    const unmade = this.#stream && !this.#live && now - this.#since > this.#timing.connectMs;
    const sse = this.#stream === "sse" && this.#live;
    const silent = sse && now - this.#aliveAt > this.#timing.silentMs;
    if (slept || unmade || silent || (sse && now >= this.#climbAt)) this.#step.abort();
    this.#watchlist.ask();
  }

  #answered(status: number): boolean {
    if (this.#refused(status)) return false;
    if (!this.#live) this.#become("polling");
    return true;
  }

  #snapshot(data: Snapshot): void {
    this.#tell({ id: this.#cursor, event: "snapshot", data });
    // A live stream would have told that: this one only seems to be.
    if (this.#live && data.reason === "polled") this.#step.abort();
  }

  #tell(told: Told): void {
    if (this.#closed) return;
    this.#watchlist.hear(told, this.#id);
    listen(() => this.#options.onEvent(told));
  }

  #refused(code: number): boolean {
    const message = STOPS[code];
    if (!message) return false;
    const error = new StoppedError(code, message);
    this.#become("stopped", error);
    this.#end(error);
    return true;
  }

  #become(state: State, error?: StoppedError): void {
    if (state === this.#state || this.#closed) return;
    this.#state = state;
    listen(() => this.#options.onState?.(state, error));
  }
}

/** Say whether stream id `a`, milliseconds and a number, comes after `b`. */
function isAfter(a: string, b: string): boolean {
  const [ms = 0n, number = 0n] = a.split("-").map(BigInt);
  const [otherMs = 0n, otherNumber = 0n] = b.split("-").map(BigInt);
  return ms > otherMs || (ms === otherMs && number > otherNumber);
}

function promised(): PromiseWithResolvers<string> {
  const named = Promise.withResolvers<string>();
  named.promise.catch(() => {}); // nobody has to wait for it
  return named;
}

/** Call a listener; what it throws, or its promise, is its own matter. */
function listen(listener: () => unknown): void {
  new Promise((resolve) => resolve(listener())).catch((error) => console.error(error));
}
