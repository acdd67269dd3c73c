"""The soak: constant load for long, and whether anything grows."""

from __future__ import annotations

from tests.chaos.soak.run import execute

__all__ = ["execute"]
