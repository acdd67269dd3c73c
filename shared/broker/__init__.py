"""A Dramatiq broker over Redis Streams, for Redis ≥ 7.0 and Valkey ≥ 8.

    broker = RedisStreamsBroker(url="redis://127.0.0.1:6379/0")
    dramatiq.set_broker(broker)

Consumers wait in blocking reads: a message is picked up about a millisecond after it was
sent. While a message is worked on, its lease is renewed; when the worker dies, the lease
lapses and the message goes to another. It needs the standard library, dramatiq and redis.
"""

from __future__ import annotations

from .broker import RedisStreamsBroker
from .entries import DeadLetter, DelayedEntry, Entry, Receipt, StreamMessage, entry_for
from .keys import MESSAGE, PRIORITIES, QueueKeys

__all__ = [
    "MESSAGE",
    "PRIORITIES",
    "DeadLetter",
    "DelayedEntry",
    "Entry",
    "QueueKeys",
    "Receipt",
    "RedisStreamsBroker",
    "StreamMessage",
    "entry_for",
]
