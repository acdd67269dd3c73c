"""A client that runs every script twice, as if the first reply had been lost on the way."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import redis
from redis.asyncio import Redis

from shared import keys

_DUMP: Final = """
local dump, READ = {}, {string = {'GET'}, hash = {'HGETALL'}, set = {'SMEMBERS'},
  list = {'LRANGE', 0, -1}, zset = {'ZRANGE', 0, -1, 'WITHSCORES'}, stream = {'XRANGE', '-', '+'}}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local read = READ[redis.call('TYPE', key).ok]
  dump[#dump + 1] = {key, read[1], redis.call(read[1], key, unpack(read, 2))}
end
return dump
"""


class Replaying(Redis):
    """Raises `AssertionError` where the second run changes anything, or answers otherwise.

    `looking`: a client to look at the database with. `answered_once`: the hashes of scripts
    whose answer may be another the second time.
    """

    looking: redis.Redis
    answered_once: Collection[str] = ()

    async def evalsha(self, sha: str, numkeys: int, *args: Any) -> Any:
        first = await super().evalsha(sha, numkeys, *args)
        before = self._dump()
        second = await super().evalsha(sha, numkeys, *args)
        after = self._dump()
        changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        assert not changed, [(before.get(key), after.get(key)) for key in changed]
        if sha not in self.answered_once:
            assert _unordered(second) == _unordered(first), f"{second} instead of {first}"
        return first

    def _dump(self) -> dict[bytes, Any]:
        dump: Any = self.looking.eval(_DUMP, 0, f"{keys.SHARD}*")
        return {key: _ordered(command, value) for key, command, value in dump}


def _ordered(command: bytes, value: Any) -> Any:
    """Return hashes and sets as what they are: the server may list them in another order."""
    if command == b"HGETALL":
        return dict(zip(value[::2], value[1::2], strict=True))
    return set(value) if command == b"SMEMBERS" else value


def _unordered(reply: Any) -> Any:
    """Return a reply with what it holds in an order of its own: it may hold a whole hash."""
    match reply:
        case [bytes() as word, [*flat], *more] if len(flat) % 2 == 0:
            return word, dict(zip(flat[::2], flat[1::2], strict=True)), more
        case _:
            return reply
