"""The blob store: where the photos' bytes lie."""

from __future__ import annotations

from .store import Blob, BlobStore, open_store

__all__ = ["Blob", "BlobStore", "open_store"]
