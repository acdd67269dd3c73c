"""Pictures as strangers send them: odd, broken and hostile, each with what has to become of it."""

from __future__ import annotations

from .all import SEED, hostile_pictures, mutated_pictures, pictures
from .odd import Odd

__all__ = ["SEED", "Odd", "hostile_pictures", "mutated_pictures", "pictures"]
