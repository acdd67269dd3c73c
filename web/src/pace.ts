/** When what is done: how long things may take, and pauses. */

/** In ms. */
export interface Timing {
  /** How long a stream may take to say `connected`. */
  connectMs: number;
  /** A stream that held so long was a good one: the pauses begin small again. */
  stableMs: number;
  backoffMs: number;
  backoffMostMs: number;
  /** The notifier sends something every 20 s, which only server-sent events let us see. */
  silentMs: number;
  /** A clock that jumped so far was asleep, longer than the notifier waits for a client. */
  sleptMs: number;
  /** How often photos are polled without a stream. */
  pollMs: number;
  /** How long a stream may say nothing before the photos are looked at all the same. */
  quietMs: number;
  /** When server-sent events are left to try a WebSocket; twice as long each time. */
  climbMs: number;
  /** How often all this is looked at. */
  pulseMs: number;
}

export const TIMING: Timing = {
  connectMs: 10_000,
  stableMs: 5_000,
  backoffMs: 1_000,
  backoffMostMs: 30_000,
  silentMs: 45_000,
  sleptMs: 90_000,
  pollMs: 3_000,
  quietMs: 60_000,
  climbMs: 60_000,
  pulseMs: 1_000,
};

/** Return a pause before try number `tries`, by chance: a crowd does not come back at once. */
export function backoff(tries: number, { backoffMs, backoffMostMs }: Timing): number {
  return Math.random() * Math.min(backoffMostMs, backoffMs * 2 ** tries);
}

/** Wait `ms`, or until `signal`. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
