"""Pictures as strangers send them: odd, broken and hostile, each with what has to become of it."""

from __future__ import annotations

from .all import pictures, some_pictures
from .odd import Odd

__all__ = ["Odd", "pictures", "some_pictures"]
