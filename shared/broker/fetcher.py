"""Reads the streams of one queue for a consumer: what is there, what comes, what was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

import redis
import redis.exceptions
from dramatiq.errors import ConnectionClosed

from .connections import is_missing_group, script, translated
from .held import Held
from .intake import Intake
from .keys import GROUP, QueueKeys

LOOK_EVERY_S: Final = 6.0
"""How often a consumer looks at the delayed messages, and shows itself, without having been told
to."""

DUE_BATCH: Final = 100
AWAY_PAUSE_S: Final = 0.5
LONG_AGO: Final = float("-inf")
HAND_OVER_S: Final = 0.0005
"""How long a worker is left to begin what it has waited for: Python runs one thread at a time, and
to look for more at once takes as long as that."""

logger = logging.getLogger(__name__)


class Fetcher:
    """Reads entries and gives them to `intake`; all of it belongs to one thread.

    `client` is for blocking reads of `block_ms` at most. `hand_back` has what is not started
    handed back, when the queue is paused. Nothing raises because Redis is away: it goes on when
    that is back.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: QueueKeys,
        consumer: str,
        held: Held,
        intake: Intake,
        *,
        block_ms: int,
        hand_back: Callable[[], None],
    ) -> None:
        self._client = client
        self._keys = keys
        self._consumer = consumer
        self._held = held
        self._intake = intake
        self._block_ms = block_ms
        self._hand_back = hand_back
        # Not to be sent again: what the lost reply gave us would be known to nobody.
        self._fetch = script(client, "fetch")
        self._groups = script(client, "groups")
        self._ack_wake = script(client, "ack")
        # Until Redis says otherwise: making groups takes memory, which a full server refuses.
        self._grouped = True
        self._paused = False
        # A reply that never came may have held entries: they are ours, and pending.
        self._recover = False
        self._look_at = 0.0
        self._due_soon = False
        self._handing_over = False

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def fetch(self) -> None:
        """Read what there is, or wait for it, for `block_ms` at most."""
        if not self._held.wait_for_room(self._block_ms / 1000):
            return
        try:
            with translated():
                self._look_or_wait()
        except ConnectionClosed as error:
            logger.warning("Nothing is fetched. %s", error)
            self._recover = True
            self._look_at = 0.0
            time.sleep(AWAY_PAUSE_S)
        except redis.exceptions.ResponseError as error:
            if not is_missing_group(error):
                raise
            self._grouped = False
            # One stream may be gone after others were read: the error hides what they gave.
            self._recover = True

    def _look_or_wait(self) -> None:
        if not self._grouped:
            self._make_groups()
        if self._recover:
            self._read_own()
            self._recover = False
        if self._paused:
            self._hand_back()
        if self._intake.ready:
            pass
        elif time.monotonic() >= self._look_at:
            if self._handing_over:
                time.sleep(HAND_OVER_S)
                self._handing_over = False
            self._look()
        elif self._paused:
            self._wait_for_resume()
        else:
            self._wait()

    def _make_groups(self) -> None:
        keys = self._keys
        paused = self._groups(keys=[keys.paused, keys.wake, *keys.streams], args=[GROUP])
        self._paused = bool(paused)
        self._grouped = True
        self._look_at = 0.0

    def _look(self) -> None:
        """Read what is there, and find out when to look again."""
        keys, asked_at = self._keys, time.monotonic()
        read, due_in_ms, paused = self._fetch(
            keys=[keys.paused, keys.counts, keys.wake, keys.delayed, *keys.streams],
            args=[GROUP, self._consumer, self._held.room(), DUE_BATCH, round(LOOK_EVERY_S * 1000)],
        )
        self._paused = bool(paused)
        for index, entries in read:
            self._intake.take(keys.streams[index - 1], entries, asked_at)
        due_in_s = LOOK_EVERY_S if due_in_ms < 0 else due_in_ms / 1000
        self._due_soon = due_in_s < LOOK_EVERY_S
        self._look_at = 0.0 if read else time.monotonic() + min(LOOK_EVERY_S, due_in_s)

    def _wait(self) -> None:
        """Wait in a blocking read for a new entry, or until it is time to look."""
        asked_at = time.monotonic()
        reply = self._read_blocking([self._keys.wake, *self._keys.streams])
        if not reply:
            return
        woken = False
        for stream, entries in reply:
            if stream.decode() == self._keys.wake:
                woken = True
                for entry_id, _ in entries:
                    self._ack_wake(keys=[self._keys.wake], args=[GROUP, entry_id])
            else:
                self._intake.take(stream.decode(), entries, asked_at)
                self._handing_over = True
        if self._held.room() == 0 and (woken or self._due_soon):
            self._look()  # reads nothing, and has another one look in time
        self._look_at = 0.0

    def _wait_for_resume(self) -> None:
        """Wait until the queue is resumed, which raises, or until it is time to look."""
        self._read_blocking([self._keys.paused])

    def _read_blocking(self, streams: list[str]) -> Any:
        until_look_ms = (self._look_at - time.monotonic()) * 1000
        block_ms = max(1, round(min(self._block_ms, until_look_ms)))
        return self._client.xreadgroup(
            GROUP, self._consumer, dict.fromkeys(streams, ">"), count=1, block=block_ms
        )

    def _read_own(self) -> None:
        """Take the entries that are pending with us and that we do not know of."""
        for stream in self._keys.streams:
            after = b"0"
            while True:
                # Before reading: what is settled meanwhile is in the reply, but not new.
                known = self._held.places()
                reply: Any = self._client.xreadgroup(
                    GROUP, self._consumer, {stream: after}, count=100
                )
                entries = reply[0][1] if reply else []
                new = [entry for entry in entries if (stream, entry[0].decode()) not in known]
                self._intake.take(stream, new, LONG_AGO)  # when it was given to us, nobody knows
                if not entries:
                    break
                after = entries[-1][0]
