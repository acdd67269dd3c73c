/** The two ways a stream comes. Each follows it until it ends, and throws nothing. */

/** What the notifier sends, on either. `data` is whatever the event's name says it is. */
export interface Frame {
  id: string;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  data: any;
}

/** Why a stream ended: a close code or an HTTP status, or 0 where the server said nothing. */
export interface Ending {
  code: number;
  /** The server's Retry-After. */
  afterMs: number;
}

export interface Link {
  key: string | undefined;
  /** Ends the stream from here. */
  signal: AbortSignal;
  /** Called for whatever comes, frames and signs of life. */
  onAlive: () => void;
  onFrame: (frame: Frame) => void;
}

const NO_WORD: Ending = { code: 0, afterMs: 0 };

/** Follow `url`, which is http or https, over a WebSocket. */
export function webSocket(url: URL, link: Link): Promise<Ending> {
  const address = new URL(url);
  address.protocol = url.protocol.replace("http", "ws");
  // A browser cannot set headers on a WebSocket.
  if (link.key) address.searchParams.set("key", link.key);
  return new Promise((resolve) => {
    const socket = new WebSocket(address);
    const end = (code: number) => {
      socket.onmessage = socket.onclose = null;
      socket.close();
      link.signal.removeEventListener("abort", abort);
      resolve({ code, afterMs: 0 });
    };
    const abort = () => end(0);
    link.signal.addEventListener("abort", abort);
    // 1006 is the browser's own word: no handshake, or a connection that broke.
    socket.onclose = ({ code }) => end(code === 1006 ? 0 : code);
    socket.onmessage = ({ data }) => {
      link.onAlive();
      try {
        link.onFrame(JSON.parse(data));
      } catch {
        end(0); // not the notifier; what was lost comes again after the cursor
      }
    };
  });
}

/**
 * Follow `url` as server-sent events.
 *
 * By fetch and not by EventSource, which hides why it is refused, and the comments in
 * between that show that the stream is alive.
 */
export async function serverSentEvents(url: URL, link: Link): Promise<Ending> {
  const headers: HeadersInit = link.key ? { Authorization: `Bearer ${link.key}` } : {};
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  try {
    const response = await fetch(url, { headers, signal: link.signal, cache: "no-store" });
    reader = response.body?.getReader();
    if (!response.ok || !reader) return refusal(response);
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done || link.signal.aborted) return NO_WORD;
      link.onAlive();
      const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const frame of blocks.map(parse)) {
        if (frame?.event === "close") return { code: frame.data.code, afterMs: 0 };
        if (frame) link.onFrame(frame);
      }
    }
  } catch {
    return NO_WORD;
  } finally {
    reader?.cancel().catch(() => {}); // it may have broken, which is why we are here
  }
}

/** Return why `response` is no answer to go on with. */
export function refusal(response: Response): Ending {
  const afterS = Number(response.headers.get("Retry-After")); // NaN if it is a date
  return { code: response.status, afterMs: afterS > 0 ? afterS * 1000 : 0 };
}

/** Return the event of one block of an event stream, if it is more than a comment. */
function parse(block: string): Frame | undefined {
  const fields: Record<string, string> = {};
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
    if (!name || value === undefined) continue;
    fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
  }
  const { id = "", event, data } = fields;
  return event && data ? { id, event, data: JSON.parse(data) } : undefined;
}
