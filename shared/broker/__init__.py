"""A Dramatiq broker over Redis Streams, for Redis ≥ 7.0 and Valkey ≥ 8.

    broker = RedisStreamsBroker(url="redis://127.0.0.1:6379/0")
    dramatiq.set_broker(broker)

Consumers wait in blocking reads: a message is picked up about a millisecond after it was
sent. While a message is worked on, its lease is renewed; when the worker dies, the lease
lapses and the message goes to another. It needs the standard library, dramatiq and redis.
"""

from __future__ import annotations

from .broker import RedisStreamsBroker
from .connections import AWAY, is_away
from .dead_letters import DeadLetterReport
from .entries import DeadLetter, DelayedEntry, Entry, Receipt, StreamMessage, entry_for
from .inspect import ConsumerReport, QueueReport
from .keys import DEFAULT_PRIORITY, GROUP, MESSAGE, PRIORITIES, Priority, QueueKeys
from .urls import check_url, found

__all__ = [
    "AWAY",
    "DEFAULT_PRIORITY",
    "GROUP",
    "MESSAGE",
    "PRIORITIES",
    "ConsumerReport",
    "DeadLetter",
    "DeadLetterReport",
    "DelayedEntry",
    "Entry",
    "Priority",
    "QueueKeys",
    "QueueReport",
    "Receipt",
    "RedisStreamsBroker",
    "StreamMessage",
    "check_url",
    "entry_for",
    "found",
    "is_away",
]
