"""What is looked at again and again during a run: photos that are nowhere, and memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import redis.exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared import keys
from shared.broker import is_away
from shared.commands import TAGGING
from tests.support.processes import descendants

LOOK_EVERY_S: Final = 0.25
WEIGH_EVERY_S: Final = 1.0
EXAMPLES: Final = 50

LOOK: Final = """
-- KEYS[1] unfinished, KEYS[2] delayed, KEYS[3..] streams; ARGV[1] prefix. In one step, so that
-- nothing moves meanwhile. Returns what is wrong, and the jobs whose messages have deaths on their
-- account: job, how many, …
local messages, deaths, wrong = {}, {}, {}
local function take(message, died)
  local job = string.match(message, '"job_id":%s*"([^"]+)"') or ''
  messages[job] = (messages[job] or 0) + 1
  if tonumber(died or 0) > 0 then
    deaths[#deaths + 1] = job
    deaths[#deaths + 1] = tonumber(died)
  end
end
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local died, message = string.match(member, '^%d+:(%d+):(.*)$')
  take(message, died)
end
for i = 3, #KEYS do
  for _, entry in ipairs(redis.call('XRANGE', KEYS[i], '-', '+')) do
    local fields = {}
    for j = 1, #entry[2], 2 do fields[entry[2][j]] = entry[2][j + 1] end
    take(fields.m, fields.d)
  end
end
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local photo = redis.call('HMGET', ARGV[1] .. ':photo:' .. id, 'job_id', 'status')
  local count = messages[photo[1]] or 0
  if count ~= 1 then
    wrong[#wrong + 1] = string.format('photo %s, %s, had %d messages', id, photo[2], count)
  end
end
return {wrong, deaths}
"""


def looking(url: str) -> Redis:
    """A client that says at once that the server is away."""
    retry = Retry(NoBackoff(), 0)
    return Redis.from_url(url, retry=retry, socket_timeout=5.0, socket_connect_timeout=2.0)


class Watcher:
    """Looks at the queue. `stranded`: what was wrong; `deaths`: the most of each job's message."""

    def __init__(self, client: Redis) -> None:
        self.samples = 0
        self.stranded: list[str] = []
        self.deaths: dict[str, int] = {}
        self._client = client

    async def look_forever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except redis.exceptions.RedisError as error:
                if not is_away(error):
                    raise

    async def look(self) -> None:
        places = [keys.unfinished(), TAGGING.delayed, *TAGGING.streams]
        found: Any = await self._client.eval(LOOK, len(places), *places, keys.SHARD)
        wrong, deaths = found
        self.samples += 1
        for job_id, count in zip(deaths[::2], deaths[1::2], strict=True):
            job = job_id.decode()
            self.deaths[job] = max(self.deaths.get(job, 0), count)
        if len(self.stranded) < EXAMPLES:
            self.stranded += [each.decode() for each in wrong]


class Scales:
    """Weighs processes. `peaks_mb`: the most that one of each kind has had in memory."""

    def __init__(self, pids: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self.peaks_mb: dict[str, float] = {}
        self._pids = pids

    async def weigh_forever(self) -> None:
        while True:
            for kind, pids in self._pids().items():
                for pid in pids:
                    self._weigh(kind, pid)
                    for child in descendants(pid) if kind in {"tagger", "gateway"} else ():
                        self._weigh("child", child)
            await asyncio.sleep(WEIGH_EVERY_S)

    def _weigh(self, kind: str, pid: int) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return
        for line in status.splitlines():
            # What it had at most since it began, so that nothing in between is missed.
            if line.startswith("VmHWM:"):
                mb = int(line.split()[1]) / 1024
                self.peaks_mb[kind] = max(self.peaks_mb.get(kind, 0.0), mb)
