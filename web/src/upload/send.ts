/** One upload request: by XMLHttpRequest, the only way to see the bytes leave. */

import { headersOf } from "../api/client.ts";
import { ApiError, problemOf } from "../api/problems.ts";
import type { Accepted, AcceptedBatch } from "../api/types.ts";
import { locale } from "../i18n/locale.ts";

export interface Sending {
  /** The same for each try of the same files: the server accepts them once. */
  idempotencyKey: string;
  key: string | undefined;
  socketId: string | undefined;
  signal: AbortSignal;
  /** Called with how many bytes of the request have left, of how many. */
  onBytes: (sent: number, total: number) => void;
}

/** Upload `files`. Throws `ApiError`, or the signal's reason; nothing has been kept then. */
export function send(files: readonly File[], sending: Sending): Promise<Accepted[]> {
  const form = new FormData();
  form.append("locale", locale());
  for (const file of files) form.append("photo", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    sending.signal.throwIfAborted();
    sending.signal.addEventListener("abort", abort);
    request.open("POST", "/api/photos/upload");
    const headers = headersOf(sending.key, sending.socketId);
    headers["Idempotency-Key"] = sending.idempotencyKey;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => sending.onBytes(event.loaded, event.total);
    request.onload = () => {
      const { status, responseText } = request;
      if (status === 202) resolve(acceptedOf(JSON.parse(responseText)));
      else reject(problemOf(status, responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(new ApiError(0, {}));
    request.onabort = () => reject(sending.signal.reason);
    request.onloadend = () => sending.signal.removeEventListener("abort", abort);
    request.send(form);
  });
}

function acceptedOf(answer: Accepted | AcceptedBatch): Accepted[] {
  return "photos" in answer ? answer.photos : [answer];
}
