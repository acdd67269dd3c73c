"""One kind of broker at a time, for tests that hold for all of them."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import redis
from dramatiq import Broker, Message, Middleware
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from shared.broker import RedisStreamsBroker
from tests.support.broker import dead_letters, working

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("stub", "redis", "streams")


@dataclass
class Subject:
    """One kind of broker, on an empty server where it needs one."""

    kind: str
    url: str
    exits: ExitStack

    def broker(self, *middleware: Middleware) -> Any:
        """Return a broker with `middleware` and no other; it is closed after the test."""
        broker: Broker
        if self.kind == "stub":
            broker = StubBroker(list(middleware), fail_fast_default=False)
        elif self.kind == "redis":
            redis_broker = RedisBroker(url=self.url, middleware=list(middleware))
            self.exits.callback(redis_broker.client.connection_pool.disconnect)
            broker = redis_broker
        else:
            broker = RedisStreamsBroker(url=self.url, middleware=list(middleware))
        self.exits.callback(broker.close)
        return broker

    def dead(self, broker: Broker) -> list[str]:
        """Return the IDs of the dead letters of the queue `default`."""
        if isinstance(broker, StubBroker):
            return [message.message_id for message in broker.dead_letters_by_queue["default"]]
        with redis.Redis.from_url(self.url) as client:
            if self.kind == "redis":
                data = list(client.hgetall("dramatiq:default.XQ.msgs").values())
            else:
                data = [fields[b"m"] for fields in dead_letters(client)]
        return [Message.decode(each).message_id for each in data]


@contextmanager
def worked(broker: Broker, queue_name: str = "default") -> Iterator[None]:
    """Work on what was sent, and is sent inside, until nothing is left."""
    with working(broker):
        yield
        broker.join(queue_name, timeout=20_000)
