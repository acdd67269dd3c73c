"""Makes messages of the entries that a consumer is given."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from dramatiq.errors import DecodeError

from .entries import POISON, Receipt, StreamMessage, decode, fields_of, number_of
from .held import Held
from .keys import DEATHS, GROUP, MESSAGE
from .leases import LeaseKeeper
from .limits import Limits
from .settling import Settling

logger = logging.getLogger(__name__)

RawEntry = tuple[bytes, Any]
"""Entry id, and its fields: a mapping, a flat list, or None where the entry is gone."""


class Intake:
    """What a consumer was given: messages are held, and wait in `ready`; all else is settled.

    `stopping` says whether the worker starts nothing more, ever.
    """

    def __init__(
        self,
        queue_name: str,
        consumer: str,
        held: Held,
        keeper: LeaseKeeper,
        settling: Settling,
        *,
        limits: Limits,
        stopping: Callable[[], bool],
    ) -> None:
        self.ready: deque[StreamMessage] = deque()
        self._queue_name = queue_name
        self._consumer = consumer
        self._held = held
        self._keeper = keeper
        self._settling = settling
        self._limits = limits
        self._stopping = stopping

    def take(self, stream: str, entries: list[RawEntry], asked_at: float) -> None:
        """Take `entries`, asked for at `asked_at` (monotonic, s): their leases began no earlier.

        Those that there is no room for are handed back.
        """
        room = self._held.room()
        for raw_id, raw_fields in entries[:room]:
            self._take_one(stream, raw_id.decode(), fields_of(raw_fields), asked_at)
        # A blocking read may return one of each stream.
        excess = [raw_id.decode() for raw_id, _ in entries[room:]]
        if excess:
            self._settling.hand_back_entries({stream: excess})

    def _take_one(
        self, stream: str, entry_id: str, fields: dict[bytes, bytes], asked_at: float
    ) -> None:
        # Without a message: deleted by hand, or written by someone who knows nothing of them.
        data = fields.get(MESSAGE.encode(), repr(fields).encode())
        try:
            decoded = decode(data, self._queue_name)
        except (DecodeError, ValueError) as error:
            logger.error(  # noqa: TRY400  # what it is says nothing here; the letter says it
                "Entry %s of %s is no message, but a dead letter.", entry_id, stream
            )
            self._settling.bury(stream, entry_id, data, error)
            return
        message = StreamMessage(
            decoded,
            Receipt(stream, entry_id, GROUP, self._consumer),
            deaths=number_of(fields.get(DEATHS.encode())),
        )
        if message.deaths >= self._limits.max_deaths:
            logger.error("Message %s is poison.", message.message_id)
            message.reason = POISON
            message.fail()
        message.sure_until = asked_at + self._limits.claim_after_ms / 1000
        message.make_sure = partial(self._keeper.make_sure, message, self._stopping)
        message.make_room = partial(self._held.make_room, message)
        self._held.add(message)
        self.ready.append(message)
