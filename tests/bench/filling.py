"""Fills a queue of either broker with a million messages in seconds."""

from __future__ import annotations

import uuid

import redis
from dramatiq import Broker, Message
from dramatiq.brokers.redis import RedisBroker

from shared.broker import MESSAGE, RedisStreamsBroker
from tests.bench.subjects import message

BATCH = 10_000
PREFIX_CHARS = 24
"""Of a message's ID, which all have in common; the rest is its number."""

STREAM = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local id = ARGV[3] .. string.format('%012d', number)
  redis.call('XADD', KEYS[1], '*', ARGV[5], (string.gsub(ARGV[4], ARGV[6], id)))
end
"""

LIST = """
for number = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  local id = ARGV[3] .. string.format('%012d', number)
  redis.call('HSET', KEYS[2], id, (string.gsub(ARGV[4], ARGV[6], id)))
  redis.call('RPUSH', KEYS[1], id)
end
"""

PLACE = "THEID"


def fill(client: redis.Redis, broker: Broker, count: int) -> None:
    """Have `count` messages to the actor `run` wait, each with an ID of its own."""
    template: Message[object] = message().copy(message_id=PLACE)
    if isinstance(broker, RedisStreamsBroker):
        run, keys = client.register_script(STREAM), [broker.entry_for(template).stream]
    else:
        assert isinstance(broker, RedisBroker)
        template = template.copy(options={"redis_message_id": PLACE})
        run, keys = client.register_script(LIST), ["dramatiq:default", "dramatiq:default.msgs"]
    start = str(uuid.uuid4())[:PREFIX_CHARS]
    for first in range(0, count, BATCH):
        last = min(first + BATCH, count) - 1
        run(keys=keys, args=[first, last, start, template.encode(), MESSAGE, PLACE])
