/** What the services tell about photos. The words are those of `docs/realtime.md`. */

/** What calls of a provider have used and cost. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
  costUsd: number;
}

/** A photo as HTTP gives it. */
export interface Photo {
  id: number;
  filename: string;
  originalName: string;
  contentType: string;
  /** Bytes. */
  size: number;
  width: number;
  height: number;
  sha256: string;
  status: "queued" | "processing" | "complete" | "error" | "cancelled";
  processing: boolean;
  stage: string | null;
  /** Percent. */
  progress: number;
  tags: { id: number; name: string; confidence: number | null; source: "ai" | "user" }[];
  caption: string | null;
  /** What stands for the picture where it is not seen. */
  alt: string | null;
  colors: string[];
  /** The time on the camera's clock; with an offset to UTC where the camera noted one. */
  takenAt: string | null;
  camera: string | null;
  /** Degrees north and east. */
  place: { latitude: number; longitude: number } | null;
  /** What it looks like, blurred: https://blurha.sh */
  blurhash: string | null;
  provider: string | null;
  /** Of all calls for it, in all its jobs; null where no provider has told any. */
  usage: Usage | null;
  /** What stages that were added have noted, by their ids. */
  extra?: Record<string, Record<string, unknown>>;
  jobId: string;
  batchId: string | null;
  error: { code: string; message: string } | null;
  createdAt: string;
  updatedAt: string;
  url: string;
  thumbnailUrl: string;
}

interface AboutPhoto {
  photoId: number;
  message: string;
  batchId?: string;
}

interface BatchCounts {
  batchId: string;
  total: number;
  complete: number;
  failed: number;
  cancelled: number;
}

/** The data of each event, by its name. */
export interface Events {
  "photo:progress": AboutPhoto & {
    jobId: string;
    stage: string;
    progress: number;
    attempt: number;
    position?: number;
    etaSeconds?: number;
    /** Of a stage that was added, in the photo's language; `icon` is a Lucide name. */
    label?: string;
    icon?: string;
  };
  "photo:complete": AboutPhoto & { photo: Photo };
  "photo:error": AboutPhoto & { error: string; code: string; attempts: number };
  "photo:retrying": AboutPhoto & {
    attempt: number;
    maxAttempts: number;
    retryInMs: number;
    error: string;
  };
  "photo:cancelled": AboutPhoto;
  "batch:progress": BatchCounts;
  "batch:complete": BatchCounts;
  snapshot: Snapshot;
}

/** Photos as they are now, which replaces what was told of them before. */
export interface Snapshot {
  /**
   * `watched`: the client was told to watch it. `polled`: there is no stream now.
   * The others: the notifier cannot tell all that happened since the cursor.
   */
  reason: "watched" | "polled" | "history_trimmed" | "unknown_position";
  photos: Photo[];
  /** The ids of photos that were watched and are no more. */
  missing: number[];
}

/** An event. `id` is its position in the stream, a snapshot's the one it was taken after. */
export type Told = {
  [Name in keyof Events]: { id: string; event: Name; data: Events[Name] };
}[keyof Events];
