"""What lies in the streams: messages on their way, delayed, dead, and held by a worker."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dramatiq import Message, MessageProxy

from .keys import DEATHS, DEFAULT_PRIORITY, MESSAGE, PRIORITIES, QueueKeys

POISON: Final = "poison"
"""Reason of a dead letter: too many workers died holding it."""

FAILED: Final = "failed"
"""Reason of a dead letter: the actor, or a middleware, gave it up."""

UNDECODABLE: Final = "undecodable"
"""Reason of a dead letter: its bytes are no message."""

TRACEBACK_FRAMES: Final = 30
EXCEPTION_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as it lies in its stream: what a caller needs to XADD it by itself."""

    stream: str
    fields: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class DelayedEntry:
    """A delayed message: what a caller needs to run the steps of `delay.lua` by itself."""

    delayed: str
    wake: str
    member: bytes


@dataclass(frozen=True, slots=True)
class Retry:
    """How a held message is to go on: delayed, in the step that acknowledges it."""

    entry: DelayedEntry
    delay_ms: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter: what a caller needs to XADD it by itself.

    With `*` as its id, which says when it died, by the server's clock. No caller needs to trim
    the stream: every sweep does.
    """

    stream: str
    fields: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where the entry of a fetched message is, for whoever acknowledges it in a script."""

    stream: str
    entry_id: str
    group: str
    consumer: str


class StreamMessage(MessageProxy):
    """A message that a worker holds.

    `deaths`: how many workers have died holding it. `reason`: why it would be a dead letter if
    it were rejected now. `settled`: set it once the entry has been acknowledged by other means,
    such as a script; the consumer then only forgets it. `given_back`: set it to have the
    message, once processed, put to the front of the queue, at no cost to it, instead of
    acknowledged. `lost`: another worker holds it by now. `sure_until`: before that monotonic
    time, s, its lease has not lapsed. `retry`: set where a middleware has it tried again.
    `work_s`: how long it may be worked on before its lease is renewed no more; None before that
    begins. `make_room`: call it where nothing is left to do but to settle the message by other
    means, so that the next one is fetched meanwhile.
    """

    def __init__(self, message: Message[Any], receipt: Receipt, *, deaths: int) -> None:
        super().__init__(message)
        self.receipt = receipt
        self.deaths = deaths
        self.reason = FAILED
        self.settled = False
        self.given_back = False
        self.lost = False
        self.sure_until = 0.0
        self.make_sure: Callable[[], None] = _nothing
        self.make_room: Callable[[], None] = _nothing
        self.retry: Retry | None = None
        self.work_s: float | None = None
        self._began_at = 0.0

    def begin(self, *, work_s: float) -> None:
        """Note that work on it begins, which may take `work_s`."""
        self._began_at = time.monotonic()
        self.work_s = work_s

    @property
    def overdue(self) -> bool:
        """Whether work on it has taken longer than it may."""
        return self.work_s is not None and time.monotonic() >= self._began_at + self.work_s


def _nothing() -> None:
    """Do what there is to do for a message that no consumer holds."""


def decode(data: bytes, queue_name: str) -> Message[Any]:
    """Return the message of `queue_name` that `data` is.

    Raises `DecodeError`, or `ValueError` for what Dramatiq's threads would die of.
    """
    message: Message[Any] = Message.decode(data)
    parts: tuple[Any, ...] = (message.actor_name, message.kwargs, message.options)
    if message.queue_name != queue_name:
        raise ValueError(f"it belongs to queue {message.queue_name!r}")
    if tuple(map(type, parts)) != (str, dict, dict):
        raise ValueError("actor_name, kwargs and options must be str, dict and dict")
    return message


def entry_for(keys: QueueKeys, message: Message[Any]) -> Entry:
    """Return the entry that enqueues `message`.

    Raises `ValueError` if its option `priority` is none of `high`, `normal`, `low`.
    """
    priority = message.options.get("priority", DEFAULT_PRIORITY)
    if priority not in PRIORITIES:
        raise ValueError(f"priority must be one of {', '.join(PRIORITIES)}, not {priority!r}")
    return Entry(keys.stream(priority), {MESSAGE: message.encode()})


def delayed_entry_for(keys: QueueKeys, message: Message[Any], deaths: int) -> DelayedEntry:
    """Return the member that, once due, is moved to the stream of the message's priority."""
    entry = entry_for(keys, message)
    index = keys.streams.index(entry.stream) + 1
    member = f"{index}:{deaths}:".encode() + entry.fields[MESSAGE]
    return DelayedEntry(keys.delayed, keys.wake, member)


def dead_letter_for(keys: QueueKeys, message: StreamMessage) -> DeadLetter:
    """Return the dead letter that `message` becomes when it is rejected."""
    fields = _letter(message.reason, message.encode(), message.deaths)
    if message._exception is not None:  # noqa: SLF001  # the proxy has no accessor
        fields |= _failure(message._exception)  # noqa: SLF001
    return DeadLetter(keys.dead, fields)


def undecodable_letter_for(keys: QueueKeys, data: bytes, error: Exception) -> DeadLetter:
    """Return the dead letter that holds `data`, which is no message, whole."""
    return DeadLetter(keys.dead, _letter(UNDECODABLE, data, 0) | _failure(error))


def fields_of(raw: Any) -> dict[bytes, bytes]:
    """Return an entry's fields; `raw`: a mapping, the flat list of a script, None if it is gone."""
    if raw is None:
        return {}
    if isinstance(raw, list):
        return dict(zip(raw[::2], raw[1::2], strict=True))
    return dict(raw)


def number_of(text: bytes | None) -> int:
    """Return the number that a field is; 0 where it is absent or none."""
    return int(text) if text is not None and text.isdigit() else 0


def _letter(reason: str, data: bytes, deaths: int) -> dict[str, bytes]:
    return {
        MESSAGE: data,
        "reason": reason.encode(),
        DEATHS: str(deaths).encode(),
    }


def _failure(error: BaseException) -> dict[str, bytes]:
    try:
        said = str(error)
    except Exception as failed:  # noqa: BLE001  # whatever it is, the letter is to be written
        said = f"<{failed!r} when it was to be told>"
    text = f"{type(error).__name__}: {said}"[:EXCEPTION_CHARS]
    frames = "".join(traceback.format_exception(error, limit=TRACEBACK_FRAMES))
    # Names of files, say, may hold what is no Unicode.
    return {
        "exception": text.encode(errors="backslashreplace"),
        "traceback": frames[-8 * EXCEPTION_CHARS :].encode(errors="backslashreplace"),
    }
