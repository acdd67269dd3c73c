"""Lets new sockets in: so many in all, so many a key, so many a second."""

from __future__ import annotations

import math
import time
from collections import Counter
from typing import Final

from aiohttp import hdrs, web

from services.notifier.limits import Bucket, Limits
from services.notifier.metrics import REFUSED
from shared.callers import EVERYBODY

FULL_RETRY_S: Final = 5
LATEST_RETRY_S: Final = 60


class Slot:
    """A socket's place; given back once, by `leave`."""

    __slots__ = ("_admission", "_caller")

    def __init__(self, admission: Admission, caller: str) -> None:
        self._admission: Admission | None = admission
        self._caller = caller

    def leave(self) -> None:
        if self._admission is not None:
            self._admission.left(self._caller)
            self._admission = None


class Admission:
    """Counts the sockets there are, and paces those that come.

    Who comes too early is told when to come back, each one later than the one before:
    a crowd that was cut off at once returns as a queue.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bucket = Bucket(limits.connects_per_s)
        self._queue_ends_s = 0.0
        self._held: Counter[str] = Counter()
        self._all = 0
        self.draining = False

    def enter(self, caller: str) -> Slot:
        """Give `caller` (the name of its key) a place.

        Raises the answer, with `Retry-After`: 503 if there is none, or not now; 429 if this
        key has as many as it may.
        """
        if self.draining:
            raise _refusal("draining", 1)
        if self._all >= self._limits.max_sockets:
            raise _refusal("full", FULL_RETRY_S)
        if caller != EVERYBODY and self._held[caller] >= self._limits.max_sockets_per_key:
            REFUSED.labels(reason="key_full").inc()
            raise web.HTTPTooManyRequests(
                text="This key has as many sockets as it may",
                headers={hdrs.RETRY_AFTER: str(FULL_RETRY_S)},
            )
        if not self._bucket.take():
            raise _refusal("rate", self._place_in_queue_s())
        self._all += 1
        self._held[caller] += 1
        return Slot(self, caller)

    def left(self, caller: str) -> None:
        """Take back a place."""
        self._all -= 1
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]

    def _place_in_queue_s(self) -> int:
        now_s = time.monotonic()
        place_s = max(now_s, self._queue_ends_s) + 1 / self._limits.connects_per_s
        self._queue_ends_s = min(place_s, now_s + LATEST_RETRY_S)
        return max(1, math.ceil(self._queue_ends_s - now_s))


def _refusal(reason: str, retry_s: int) -> web.HTTPServiceUnavailable:
    REFUSED.labels(reason=reason).inc()
    return web.HTTPServiceUnavailable(
        text="No more sockets here now; come back after Retry-After seconds",
        headers={hdrs.RETRY_AFTER: str(retry_s)},
    )
