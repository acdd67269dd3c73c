"""Settles what one consumer holds: acknowledges, rejects, delays, hands back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import redis
import redis.exceptions
from dramatiq.errors import ConnectionClosed

from .connections import is_missing_group, script, translated
from .entries import DeadLetter, StreamMessage, dead_letter_for, undecodable_letter_for
from .held import Held, by_stream
from .keys import GROUP, QueueKeys
from .leases import LeaseKeeper

logger = logging.getLogger(__name__)


class Settling:
    """What settles messages, from any thread. Nothing of it raises because Redis is away.

    What could not be settled then is settled by `keeper` when Redis is back.
    """

    def __init__(
        self,
        client: redis.Redis,
        keys: QueueKeys,
        consumer: str,
        held: Held,
        keeper: LeaseKeeper,
        *,
        max_dead_letters: int,
    ) -> None:
        self._keys = keys
        self._consumer = consumer
        self._held = held
        self._keeper = keeper
        self._max_dead_letters = max_dead_letters
        self._ack = script(client, "ack")
        self._delay = script(client, "delay")
        self._reject = script(client, "reject")
        self._hand_back = script(client, "hand_back")

    def ack(self, message: StreamMessage) -> None:
        """Acknowledge `message`, delay it where it is to be tried again, or hand it back."""
        if message.given_back:
            self.hand_back([message])
        else:
            self._settle(lambda: self.run_ack(message), message)

    def reject(self, message: StreamMessage) -> None:
        """Move `message` to the dead letters."""
        letter = dead_letter_for(self._keys, message)
        receipt = message.receipt
        self._settle(lambda: self._run_reject(receipt.stream, receipt.entry_id, letter), message)

    def bury(self, stream: str, entry_id: str, data: bytes, error: Exception) -> None:
        """Move what is no message to the dead letters."""
        letter = undecodable_letter_for(self._keys, data, error)
        self._settle(lambda: self._run_reject(stream, entry_id, letter))

    def hand_back(self, messages: Iterable[StreamMessage]) -> None:
        """Put `messages` to the front of the queue, at no cost to them."""
        self.hand_back_entries(by_stream(messages))

    def hand_back_entries(self, ids_by_stream: dict[str, list[str]]) -> None:
        """The same, for entries by stream."""
        for stream, ids in ids_by_stream.items():
            give = partial(self._give, stream, ids)
            self._held.leave(stream, ids)
            try:
                give()
            except ConnectionClosed as error:
                logger.warning("Messages go to others later. %s", error)
                self._keeper.settle_later(give)

    def _give(self, stream: str, ids: Sequence[str]) -> None:
        try:
            with translated():
                self._hand_back(keys=[stream, self._keys.front], args=[GROUP, self._consumer, *ids])
        except ConnectionClosed:
            raise  # they are still ours, and not to be started here
        except BaseException as error:
            self._held.left(stream, ids)
            if not (isinstance(error, redis.exceptions.ResponseError) and is_missing_group(error)):
                raise
        else:
            self._held.left(stream, ids)

    def run_ack(self, message: StreamMessage) -> None:
        """Acknowledge `message` now. Done twice, it changes nothing the second time."""
        stream, entry_id = message.receipt.stream, message.receipt.entry_id
        if message.retry is None:
            self._ack(keys=[stream], args=[GROUP, entry_id])
        else:
            delayed = message.retry.entry
            self._delay(
                keys=[delayed.delayed, delayed.wake, stream],
                args=[delayed.member, message.retry.delay_ms, GROUP, entry_id],
            )

    def _run_reject(self, stream: str, entry_id: str, letter: DeadLetter) -> None:
        fields = [part for pair in letter.fields.items() for part in pair]
        self._reject(
            keys=[stream, letter.stream, self._keys.counts],
            args=[GROUP, entry_id, self._max_dead_letters, *fields],
        )

    def _settle(self, settle: Callable[[], Any], message: StreamMessage | None = None) -> None:
        """Run `settle`, now or when Redis is back; `message` is held until then."""

        def settle_and_forget() -> None:
            try:
                if message is None or not (message.settled or message.lost):
                    with translated():
                        settle()
            except redis.exceptions.ResponseError:
                self._forget(message)  # so that its lease lapses
                raise
            self._forget(message)

        try:
            settle_and_forget()
        except ConnectionClosed as error:
            logger.warning("What is done is settled later. %s", error)
            self._keeper.settle_later(settle_and_forget)

    def _forget(self, message: StreamMessage | None) -> None:
        if message is not None:
            message.settled = True
            self._held.drop(message)
