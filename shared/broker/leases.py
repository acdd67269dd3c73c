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
from dramatiq.errors import ConnectionClosed

from .connections import is_missing_group, script, translated
from .entries import StreamMessage
from .held import Held
from .keys import GROUP, QueueKeys
from .limits import Limits

RENEWALS_PER_LEASE: Final = 4
MAX_PERIOD_MS: Final = 3_000
"""How long a turn may be away: a lapsed lease is noticed within it."""

SWEEPS_PER_PERIOD: Final = 4
"""Of all consumers together, at most; one alone then sweeps at every turn of its own. Who leaves
its turn to another that dies then looks again a period later: a period and a share of it have to
be well below five seconds."""

FORGET_AFTER_LEASES: Final = 10
"""How long a consumer that holds nothing is not heard of before its name is removed."""

LATE_SHARE: Final = 4
"""A sweep is late a quarter of a lease after its turn began: all others have renewed within two."""

LATE_MS: Final = 1000
"""Sooner it is not late, unless that is half a lease: the ways there and back count, too."""

SWEEP_BATCH: Final = 100
AWAY_PAUSE_S: Final = 0.5
SURE_PAUSE_S: Final = 0.5

logger = logging.getLogger(__name__)


class LeaseKeeper(threading.Thread):
    """A thread that renews, sweeps, and settles again what could not be settled at once.

    It is a thread of its own so that neither long nor CPU-bound work keeps it from its
    turn: Python gives every thread one within milliseconds, and a lease lasts seconds.
    `client` is its own for the same reason: acknowledgements never keep it waiting for a
    connection.
    """

    def __init__(
        self, client: redis.Redis, keys: QueueKeys, consumer: str, held: Held, limits: Limits
    ) -> None:
        super().__init__(name=f"leases-{consumer}", daemon=True)
        self._client = client
        self._keys = keys
        self._consumer = consumer
        self._held = held
        self._limits = limits
        self._period_ms = min(limits.claim_after_ms // RENEWALS_PER_LEASE, MAX_PERIOD_MS)
        self._unsettled: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._sweep_from = 0.0
        self._ahead_ms: float | None = None  # the server's clock, less our monotonic one
        self._renew = script(client, "renew")
        self._sweep = script(client, "sweep")

    def settle_later(self, settle: Callable[[], None]) -> None:
        """Call `settle` until Redis has taken it."""
        self._unsettled.append(settle)
        self._wake.set()

    def make_sure(self, message: StreamMessage, stopping: Callable[[], bool]) -> None:
        """Return when `message` is known to be ours, or is marked as lost.

        A process that stood still for longer than a lease cannot know without asking: others may
        have done by now what it is about to start. While Redis is away it waits.
        """
        while not self._held.wait_until_sure(message, timeout_s=0):
            if stopping():
                # Nobody has said whose it is: should it be ours, it goes on at no cost.
                message.lost = message.given_back = True
                return
            self._wake.set()
            self._held.wait_until_sure(message, timeout_s=SURE_PAUSE_S)

    def stop(self) -> None:
        """End the thread; what is not settled by then lapses and is done again."""
        self._stopping = True
        self._wake.set()
        self.join()
        self._client.close()

    def run(self) -> None:
        period_s = self._period_ms / 1000
        pause_s = 0.0  # the server's clock is to be known well before the first sweep
        while not self._stopping:
            self._wake.wait(pause_s)
            self._wake.clear()
            try:
                self._take_turn()
                pause_s = period_s
            except ConnectionClosed as error:
                logger.warning("Leases are not renewed. %s", error)
                pause_s = min(AWAY_PAUSE_S, period_s)
                self._leave_time_to_renew()

    def _take_turn(self) -> None:
        """Do what is due, each thing whether or not another one failed. Raises when away."""
        began_at = time.monotonic()
        # First: after an outage there may be much to settle, and leases do not wait.
        steps: list[Callable[[], object]] = [self.renew, self.settle]
        if self._ahead_ms is None:
            steps.append(self._hear_the_clock)
        elif began_at >= self._sweep_from:
            # What holds up this turn keeps others from renewing, too.
            steps.append(lambda: self.sweep(began_at))
        for step in steps:
            try:
                with translated():
                    step()
            except ConnectionClosed:
                raise
            except redis.exceptions.ResponseError as error:
                # Flushed or replaced: the consumer makes the groups again.
                if not is_missing_group(error):
                    logger.exception("Leases could not be kept.")
            except Exception:
                # Without this thread every lease would lapse.
                logger.exception("Leases could not be kept.")

    def settle(self) -> None:
        """Settle what could not be settled before. Raises what says that Redis is away."""
        while self._unsettled:
            try:
                with translated():
                    self._unsettled[0]()
            except redis.exceptions.ResponseError:
                logger.exception("A message could not be settled; it will be done again.")
            self._unsettled.popleft()

    def renew(self) -> None:
        """Renew every lease whose work is within its time; mark as lost what is not ours."""
        for stream, ids in self._held.to_renew().items():
            asked_at = time.monotonic()
            try:
                lost = self._renew(keys=[stream], args=[GROUP, self._consumer, *ids])
            except redis.exceptions.ResponseError as error:
                if not is_missing_group(error):
                    raise
                lost = [entry_id.encode() for entry_id in ids]  # flushed, with all that was in it
            self._held.renew(stream, ids, sure_until=asked_at + self._limits.claim_after_ms / 1000)
            for message in self._held.lose(stream, [entry_id.decode() for entry_id in lost]):
                logger.warning("The lease of message %s was lost.", message.message_id)

    def sweep(self, began_at: float | None = None) -> None:
        """Put every entry whose lease has lapsed to the front, unless another one just did.

        Not if the server has not come to it soon after `began_at`: then nobody could renew.
        """
        index, entry_id, taken = 0, b"0-0", 0
        while True:
            index, entry_id, more = self._sweep_on(index, entry_id, began_at or time.monotonic())
            taken += more
            if index <= 0:
                break
            began_at = None
        if index < 0:
            logger.warning(
                "No lease is taken: the server or this process stood still, or the server's clock"
                " was set ahead."
            )
            self._leave_time_to_renew()
        if taken:
            logger.warning(
                "%d messages go to other workers: theirs were not heard of for %d ms.",
                taken,
                self._limits.claim_after_ms,
            )

    def _sweep_on(self, index: int, entry_id: bytes, began_at: float) -> tuple[int, bytes, int]:
        """Sweep on from there; return from where to go on, and how many entries were taken."""
        keys, limits = self._keys, self._limits
        ahead_ms = self._hear_the_clock() if self._ahead_ms is None else self._ahead_ms
        lease_ms = limits.claim_after_ms
        late_ms = max(lease_ms / LATE_SHARE, min(LATE_MS, lease_ms / 2))
        index, entry_id, taken, now_ms = self._sweep(
            keys=[keys.swept, keys.counts, keys.dead, keys.wake, keys.paused, *keys.streams],
            args=[
                GROUP,
                self._consumer,
                limits.claim_after_ms,
                SWEEP_BATCH,
                index,
                entry_id,
                max(1, self._period_ms // SWEEPS_PER_PERIOD),
                limits.claim_after_ms * FORGET_AFTER_LEASES,
                limits.max_dead_age_ms,
                limits.max_dead_letters,
                round(began_at * 1000 + late_ms + ahead_ms),
            ],
        )
        self._ahead_ms = _ahead_of_us(now_ms)
        return index, entry_id, taken

    def _hear_the_clock(self) -> float:
        """Ask for the server's clock; if it stood still until now, all others have yet to renew."""
        seconds, microseconds = self._client.time()
        self._ahead_ms = _ahead_of_us(seconds * 1000 + microseconds // 1000)
        self._sweep_from = max(self._sweep_from, time.monotonic() + self._period_ms / 1000)
        return self._ahead_ms

    def _leave_time_to_renew(self) -> None:
        """Nobody could renew: leave all the time to, before taking anything away."""
        self._sweep_from = time.monotonic() + self._limits.claim_after_ms / 1000


def _ahead_of_us(now_ms: int) -> float:
    return now_ms - time.monotonic() * 1000
