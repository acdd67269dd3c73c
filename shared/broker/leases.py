"""Keeps the leases of one consumer, takes over lapsed ones, finishes what Redis missed."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import redis
import redis.exceptions

from .connections import AWAY, is_missing_group, script
from .held import Held
from .keys import GROUP, QueueKeys

RENEWALS_PER_LEASE: Final = 4
FORGET_AFTER_LEASES: Final = 10
"""How long a consumer that holds nothing is not heard of before its name is removed."""

SWEEP_BATCH: Final = 100
AWAY_PAUSE_S: Final = 0.5

logger = logging.getLogger(__name__)


class LeaseKeeper(threading.Thread):
    """A thread that renews, sweeps, and settles again what could not be settled at once.

    It is a thread of its own so that neither long nor CPU-bound work keeps it from its
    turn: Python gives every thread one within milliseconds, and a lease lasts seconds.
    """

    def __init__(
        self, client: redis.Redis, keys: QueueKeys, consumer: str, held: Held, *, lease_ms: int
    ) -> None:
        super().__init__(name=f"leases-{consumer}", daemon=True)
        self._client = client
        self._keys = keys
        self._consumer = consumer
        self._held = held
        self._lease_ms = lease_ms
        self._unsettled: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._sweep_from = 0.0
        self._renew = script(client, "renew")
        self._sweep = script(client, "sweep")

    def settle_later(self, settle: Callable[[], None]) -> None:
        """Call `settle` until Redis has taken it."""
        self._unsettled.append(settle)
        self._wake.set()

    def stop(self) -> None:
        """End the thread; what is not settled by then lapses and is done again."""
        self._stopping = True
        self._wake.set()
        self.join()

    def run(self) -> None:
        period_s = self._lease_ms / RENEWALS_PER_LEASE / 1000
        pause_s = period_s
        while not self._stopping:
            self._wake.wait(pause_s)
            self._wake.clear()
            try:
                self.settle()
                self.renew()
                if time.monotonic() >= self._sweep_from:
                    self.sweep()
                pause_s = period_s
            except AWAY as error:
                logger.warning("Redis is away, leases are not renewed: %s", error)
                pause_s = min(AWAY_PAUSE_S, period_s)
                # Nobody could renew: leave all the time to, before taking anything away.
                self._sweep_from = time.monotonic() + self._lease_ms / 1000
            except redis.exceptions.ResponseError as error:
                # Flushed or replaced: the consumer makes the groups again.
                if not is_missing_group(error):
                    logger.exception("Leases could not be renewed.")
                pause_s = period_s
            except Exception:
                # Without this thread every lease would lapse.
                logger.exception("Leases could not be renewed.")
                pause_s = period_s

    def settle(self) -> None:
        """Settle what could not be settled before. Raises what says that Redis is away."""
        while self._unsettled:
            try:
                self._unsettled[0]()
            except AWAY:
                raise
            except redis.exceptions.ResponseError:
                logger.exception("A message could not be settled; it will be done again.")
            self._unsettled.popleft()

    def renew(self) -> None:
        """Renew every lease held; what is no longer ours is marked as lost."""
        for stream, ids in self._held.by_stream().items():
            lost = self._renew(keys=[stream], args=[GROUP, self._consumer, *ids])
            for message in self._held.lose(stream, [entry_id.decode() for entry_id in lost]):
                logger.warning("The lease of message %s was lost.", message.message_id)

    def sweep(self) -> None:
        """Take every lapsed entry from whoever held it, and put it to the front."""
        full = True
        while full:
            full, consumers = self._sweep(
                keys=[self._keys.wake, *self._keys.streams],
                args=[GROUP, self._lease_ms, SWEEP_BATCH, self._lease_ms * FORGET_AFTER_LEASES],
            )
            for consumer in consumers:
                logger.warning(
                    "Consumer %s was not heard of for %d ms; its message goes to another.",
                    consumer.decode(),
                    self._lease_ms,
                )
