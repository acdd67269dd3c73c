"""The blob store: where the photos' bytes lie."""

from __future__ import annotations

from .opening import open_store
from .store import Blob, BlobStore

__all__ = ["Blob", "BlobStore", "open_store"]
