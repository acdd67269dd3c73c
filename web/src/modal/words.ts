/** What is said of an item at this moment. */

import { useEffect, useState } from "react";
import { ApiError, explain } from "../api/problems.ts";
import { config } from "../app/config.ts";
import { duration, size } from "../i18n/amounts.ts";
import type { Messages } from "../i18n/fr.ts";
import { useLocale, useMessages } from "../i18n/locale.ts";
import type { Live } from "../live/merge.ts";
import type { Seen } from "./seen.ts";
import type { View } from "./view.ts";

/** In components: the live message of an item, and what there is to say beside it. */
export function useWords(seen: Seen, interrupted?: string): { message: string; aside: string } {
  const messages = useMessages();
  const locale = useLocale();
  const seconds = useSecondsUntil(seen.live?.retryAt);
  return {
    message: messageOf(seen, interrupted, seconds, messages, locale),
    aside: asideOf(seen, messages, locale),
  };
}

function messageOf(
  { view, live, item }: Seen,
  interrupted: string | undefined,
  seconds: number,
  messages: Messages,
  locale: string,
): string {
  const { progress } = messages;
  switch (view.phase) {
    case "sending":
      return interrupted ? interruptedBy(interrupted, messages) : progress.uploading;
    case "refused":
      return refusedFor(item.refusal?.code ?? "other", messages, locale);
    case "queued":
      return live?.position !== undefined
        ? progress.position(live.position)
        : live?.message || progress.accepted;
    case "retrying":
      return seconds > 0 ? progress.retrying(seconds) : progress.retryingNow;
    case "error":
      return progress.failed;
    case "gone":
      return progress.gone;
    case "cancelled":
      return progress.cancelled;
    case "complete":
      return live?.message || progress.complete(live?.photo?.tags.length ?? 0);
    case "working":
      return live?.message || activeLabel(view) || progress.waiting;
  }
}

function refusedFor(code: string, messages: Messages, locale: string): string {
  const why = explain(new ApiError(1, { code }), messages);
  if (code !== "too_large") return why;
  return `${why} ${messages.upload.limit(size(config().maxUploadBytes, locale))}`;
}

/** Without an answer it is the connection; a server that answers has a reason of its own. */
function interruptedBy(code: string, { upload, problem }: Messages): string {
  return (code !== "network" && problem[code]) || upload.interrupted;
}

/** A snapshot brings no message: then the stage speaks for itself. */
function activeLabel(view: View): string {
  return view.steps.find((step) => step.state === "active")?.label ?? "";
}

function asideOf(
  { view, live, item }: Seen,
  { progress, upload }: Messages,
  locale: string,
): string {
  switch (view.phase) {
    case "sending":
      return upload.sizeOf(size(item.share * item.sizeBytes, locale), size(item.sizeBytes, locale));
    case "queued":
      return live?.etaSeconds === undefined ? "" : progress.eta(duration(live.etaSeconds, locale));
    case "retrying":
      return live?.maxAttempts ? progress.attempt(live.attempt + 1, live.maxAttempts) : "";
    default:
      return "";
  }
}

/** Return the whole seconds until `time` (ms since 1970), counted down; 0 without one. */
function useSecondsUntil(time: number | undefined): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (time === undefined) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [time]);
  return time === undefined ? 0 : Math.max(0, Math.ceil((time - now) / 1000));
}

/** Return why an item failed. */
export function reasonOf({ view, live, item }: Seen, messages: Messages): string {
  if (view.phase === "error") return failureOf(live?.error, messages);
  return view.phase === "refused" ? (item.refusal?.detail ?? "") : "";
}

/** Return why a photo's analysis failed: in our words if we have some, else in the server's. */
export function failureOf(error: Live["error"] | undefined, messages: Messages): string {
  return messages.failure[error?.code ?? ""] ?? error?.message ?? "";
}
