"""Looking at the dead letters of a queue, putting them back, deleting them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import Any, Final

import redis
from dramatiq import Message
from dramatiq.errors import DecodeError

from .connections import script, translated
from .entries import UNDECODABLE, decode, entry_for, number_of
from .keys import DEATHS, MESSAGE, QueueKeys

ENTRY_ID: Final = re.compile(r"\d{1,20}-\d{1,20}")
OF_RETRIES: Final = ("retries", "traceback", "requeue_timestamp")
"""What the middleware `Retries` writes into a message's options; a message put back begins anew."""


@dataclass(frozen=True, slots=True)
class DeadLetterReport:
    """A dead letter. Times are in ms since the epoch.

    `reason`: `failed`, `poison` or `undecodable`. `message`: None where `data`, the bytes as
    they were, is no message of this queue. `deaths`: how many workers died holding it.
    `retries`: how often its actor failed, as the middleware `Retries` counts. `died_at_ms` is
    by the server's clock, `enqueued_at_ms` by the producer's.
    """

    id: str
    reason: str
    message: Message[Any] | None
    data: bytes
    deaths: int
    exception: str | None
    traceback: str | None
    retries: int
    died_at_ms: int
    enqueued_at_ms: int | None


class DeadLetters:
    """The dead letters of one queue. Raises `ConnectionClosed` when Redis is away."""

    def __init__(self, client: redis.Redis, keys: QueueKeys, queue_name: str) -> None:
        self._client = client
        self._keys = keys
        self._queue_name = queue_name

    def newest(self, *, before: str | None, limit: int) -> list[DeadLetterReport]:
        """Return the newest, or those older than the one with the id `before`; newest first."""
        if before is not None and not ENTRY_ID.fullmatch(before):
            raise ValueError(f"before must be the id of a dead letter, not {before!r}")
        if limit < 1:
            raise ValueError(f"limit must be at least 1, not {limit!r}")
        newest = "+" if before is None else f"({before}"
        with translated():
            found: Any = self._client.xrevrange(self._keys.dead, max=newest, count=limit)
        return [self._report(entry_id.decode(), fields) for entry_id, fields in found]

    def requeue(self, letter_id: str) -> bool:
        """Put a dead letter back, to begin anew; False if there is none or it is no message."""
        if not ENTRY_ID.fullmatch(letter_id):
            return False
        requeue = script(self._client, "requeue")
        with translated():
            found: Any = self._client.xrange(self._keys.dead, letter_id, letter_id)
            message = self._report(letter_id, found[0][1]).message if found else None
            if message is None:
                return False
            options = {
                key: value for key, value in message.options.items() if key not in OF_RETRIES
            }
            # As if sent now: an age limit would end it at once otherwise.
            again = replace(message, options=options, message_timestamp=int(time.time() * 1000))
            try:
                entry = entry_for(self._keys, again)
            except ValueError:
                return False
            return bool(
                requeue(
                    keys=[self._keys.dead, entry.stream], args=[letter_id, entry.fields[MESSAGE]]
                )
            )

    def delete(self, letter_id: str) -> bool:
        """Delete a dead letter; False if there is none."""
        if not ENTRY_ID.fullmatch(letter_id):
            return False
        with translated():
            return bool(self._client.xdel(self._keys.dead, letter_id))

    def _report(self, letter_id: str, raw_fields: dict[bytes, bytes]) -> DeadLetterReport:
        fields = {name.decode(errors="replace"): value for name, value in raw_fields.items()}
        data = fields.get(MESSAGE, b"")
        try:
            message = decode(data, self._queue_name)
        except (DecodeError, ValueError):
            message = None
        retries = message.options.get("retries", 0) if message else 0
        return DeadLetterReport(
            id=letter_id,
            reason=fields.get("reason", UNDECODABLE.encode()).decode(errors="replace"),
            message=message,
            data=data,
            deaths=number_of(fields.get(DEATHS)),
            exception=_text(fields.get("exception")),
            traceback=_text(fields.get("traceback")),
            retries=retries if isinstance(retries, int) else 0,
            died_at_ms=int(letter_id.partition("-")[0]),
            enqueued_at_ms=message.message_timestamp if message else None,
        )


def _text(field: bytes | None) -> str | None:
    return None if field is None else field.decode(errors="replace")
