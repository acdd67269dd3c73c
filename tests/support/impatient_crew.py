"""Runs a tagger of several processes that waits less long for one that hangs."""

from __future__ import annotations

import sys

from services.tagger import __main__, process

process.ASK_EVERY_S = 0.2  # type: ignore[misc]
process.MOST_UNANSWERED = 2  # type: ignore[misc]

if __name__ == "__main__":
    sys.exit(__main__.main())
