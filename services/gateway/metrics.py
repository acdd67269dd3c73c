"""What the gateway counts."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

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
