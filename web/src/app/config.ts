/** What the gateway tells the page about itself. */

import { ask } from "../api/client.ts";

export interface PageConfig {
  /** Where the events come from, http or https. */
  notifierUrl: string;
  /** Most bytes of one photo. */
  maxUploadBytes: number;
  /** Most photos of one request. */
  maxBatch: number;
}

let read: PageConfig | undefined;

/** Read it, once, before anything else is done. Throws `ApiError`. */
export async function readConfig(): Promise<void> {
  read = await ask<PageConfig>("/page-config.json");
}

export function config(): PageConfig {
  if (!read) throw new Error("Call readConfig() first");
  return read;
}
