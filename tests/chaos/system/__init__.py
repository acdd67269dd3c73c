"""The fault program for the whole system."""

from __future__ import annotations

from tests.chaos.system.plan import Plan
from tests.chaos.system.run import execute

__all__ = ["Plan", "execute"]
