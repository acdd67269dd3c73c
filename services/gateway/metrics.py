"""What the gateway counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from shared.metrics import from_zero

UPLOADS: Final = Counter(
    "tagline_uploads_total", "Upload requests by `accepted` or the code of the problem.", ["result"]
)
UPLOADS_REFUSED: Final = Counter(
    "tagline_uploads_refused_total",
    "Uploads that were not accepted, by reason: the problem's code, or what it was about"
    " (photo_bytes, request_bytes, photos, empty, header, pixels, side, memory, no_room, gone, …).",
    ["reason"],
)
UPLOADS_UNDER_WAY: Final = Gauge("tagline_uploads_under_way", "Uploads that are being received.")
UPLOAD_BYTES: Final = Counter("tagline_upload_bytes_total", "Bytes of accepted photos.")
UPLOAD_SECONDS: Final = Histogram(
    "tagline_upload_seconds",
    "From the request's headers to its answer, for accepted uploads.",
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
THUMBNAILS: Final = Counter(
    "tagline_thumbnails_total",
    "Thumbnails asked for, by `cached`, `made` or the code of the problem.",
    ["result"],
)
THUMBNAIL_SECONDS: Final = Histogram(
    "tagline_thumbnail_seconds",
    "Making one thumbnail: reading the original, decoding, encoding, storing.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
SIMILAR_SECONDS: Final = Histogram(
    "tagline_similar_seconds",
    "Finding the photos that look like one.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
SWEPT: Final = Counter("tagline_swept_blobs_total", "Blobs removed because no record named them.")
PROBLEMS: Final = Counter(
    "tagline_problems_total", "Error answers of all routes, by the problem's code.", ["code"]
)

QUEUE_WAITING: Final = Gauge(
    "tagline_queue_waiting_messages",
    "Messages that no worker has fetched, by priority; `front`: handed back, or a dead worker's.",
    ["queue", "priority"],
)
QUEUE_HELD: Final = Gauge(
    "tagline_queue_held_messages",
    "Messages that workers hold (pending), by the priority they were fetched by.",
    ["queue", "priority"],
)
QUEUE_DELAYED: Final = Gauge(
    "tagline_queue_delayed_messages", "Messages that wait for another try.", ["queue"]
)
QUEUE_DEAD: Final = Gauge("tagline_queue_dead_letters", "Messages that failed for good.", ["queue"])
QUEUE_WORKERS: Final = Gauge(
    "tagline_queue_workers", "Workers heard of within 15 s, in all taggers.", ["queue"]
)
QUEUE_PAUSED: Final = Gauge(
    "tagline_queue_paused", "1 while photos are held back until the queue is resumed.", ["queue"]
)
OLDEST_SECONDS: Final = Gauge(
    "tagline_unfinished_oldest_seconds",
    "How long ago the photo was queued that waits for its end the longest; 0 without any.",
)
REDIS_UP: Final = Gauge(
    "tagline_redis_up", "1 if Redis answers, takes writes and keeps what it has."
)
REDIS_SAFE: Final = Gauge(
    "tagline_redis_safe",
    "1 if what Redis has acknowledged is on its disk (appendfsync always), 0 if not yet.",
)
REDIS_MEMORY: Final = Gauge("tagline_redis_memory_used_bytes", "Memory that Redis has in use.")
REDIS_MEMORY_MOST: Final = Gauge(
    "tagline_redis_memory_max_bytes", "Its `maxmemory`; NaN without one."
)
BLOBS_FREE: Final = Gauge(
    "tagline_blobs_free_bytes",
    "What is free where the photos' folder is; NaN of a bucket, and where none has to stay free.",
)

from_zero(UPLOADS, "accepted", "unavailable", "internal_error")
from_zero(THUMBNAILS, "cached", "made", "unavailable")
from_zero(PROBLEMS, "unavailable", "internal_error")
