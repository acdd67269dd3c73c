/** What the gateway tells the page about itself. */

export interface PageConfig {
  /** Where the events come from, http or https. */
  notifierUrl: string;
  /** Most bytes of one photo. */
  maxUploadBytes: number;
  /** Most photos of one request. */
  maxBatch: number;
}

let read: PageConfig | undefined;

/** Read it, once, before anything is shown. Throws if the gateway does not answer. */
export async function readConfig(): Promise<void> {
  const response = await fetch("/page-config.json", { cache: "no-cache" });
  if (!response.ok) throw new Error(`/page-config.json answered ${response.status}`);
  read = await response.json();
}

export function config(): PageConfig {
  if (!read) throw new Error("Call readConfig() first");
  return read;
}
