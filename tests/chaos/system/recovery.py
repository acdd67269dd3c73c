"""How long it takes until what a killed process was at goes on."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import orjson
import redis.exceptions
from redis.asyncio import Redis

from shared.broker.keys import GROUP
from shared.commands import TAGGING
from tests.chaos.check import MAX_DEATHS
from tests.chaos.system.follower import Follower
from tests.chaos.system.history import Fields, Recovery
from tests.chaos.system.slots import Slot

LOOK_EVERY_S: Final = 0.2


@dataclass(frozen=True)
class Held:
    """A job whose message a tagger held when it died, at that time of the wall clock, s."""

    job_id: str
    died_s: float


class Deaths:
    """Finds out what taggers held as they died, and (`stood`, by process) as they stood still."""

    def __init__(self, client: Redis, taggers: Sequence[Slot], *, within_s: float) -> None:
        self.held: list[Held] = []
        self.stood: dict[int, set[str]] = defaultdict(set)
        self._client = client
        self._taggers = taggers
        self._within_s = within_s

    async def note_forever(self) -> None:
        async with asyncio.TaskGroup() as group:
            for tagger in self._taggers:
                group.create_task(self._note(tagger))
                group.create_task(self._note_still(tagger))

    def count(self) -> Counter[str]:
        """Return how often each job was held by a tagger that died or stood still."""
        found = Counter(each.job_id for each in self.held)
        for jobs in self.stood.values():
            found.update(jobs)
        return found

    async def _note_still(self, tagger: Slot) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for pid in list(tagger.still):
                # The server goes on giving messages to one that stands still.
                with suppress(redis.exceptions.RedisError):
                    self.stood[pid].update(await held_by(self._client, pid))

    async def _note(self, tagger: Slot) -> None:
        while True:
            pid, died_s = await tagger.dead.get()
            # Its leases have to be there still: a moment ago, or while the server was away.
            while time.time() < died_s + self._within_s:
                try:
                    self.held += [
                        Held(job_id, died_s) for job_id in await held_by(self._client, pid)
                    ]
                    break
                except redis.exceptions.RedisError:
                    await asyncio.sleep(0.05)


async def held_by(client: Redis, pid: int) -> list[str]:
    """Return the jobs whose messages a tagger holds, by its process ID."""
    found = []
    for stream in TAGGING.streams:
        try:
            pending: Any = await client.xpending_range(stream, GROUP, "-", "+", 1000)
        except redis.exceptions.ResponseError:
            continue  # nobody has made the group yet
        for each in pending:
            if each["consumer"].split(b":")[1] == b"%d" % pid:
                entry = each["message_id"]
                entries: Any = await client.xrange(stream, entry, entry)
                found += [_job_of(fields) for _, fields in entries]
    return found


def _job_of(fields: Mapping[bytes, bytes]) -> str:
    return str(orjson.loads(fields[b"m"])["kwargs"]["job_id"])


def of_taggers(
    held: Sequence[Held],
    jobs: Mapping[str, Fields],
    *,
    lease_s: float,
    faults_over_at: Sequence[float],
) -> Iterator[Recovery]:
    """Yield how long each job waited until it was begun again.

    Not those that ended without, for their outcome had been written, or that another tagger had
    taken over and died with. Nor what other faults have added: from the lapse of the lease on,
    the time begins again whenever one is over, at `faults_over_at`: another tagger has died, or
    has started, the server is back. A last life is told by itself: it waits until its tagger is
    free of others.
    """
    deaths: dict[str, list[float]] = defaultdict(list)
    for each in held:
        deaths[each.job_id].append(each.died_s)
    for job_id, unsorted in deaths.items():
        fields, died = jobs.get(job_id, {}), sorted(unsorted)
        starts = sorted(int(v) / 1000 for k, v in fields.items() if k.startswith("started:"))
        nexts = [*died[1:], float("inf")]
        for deaths_so_far, (died_s, next_s) in enumerate(zip(died, nexts, strict=True), 1):
            begun_s = min((at for at in starts if died_s < at <= next_s), default=None)
            if begun_s is not None:
                lapse_s = died_s + lease_s
                over = [at_s for at_s in faults_over_at if lapse_s < at_s < begun_s]
                what = "last life" if deaths_so_far == MAX_DEATHS - 1 else "tagger"
                yield Recovery(what, begun_s - died_s - (max(over, default=lapse_s) - lapse_s))


def of_gateways(died: Sequence[float], accepted_at: Sequence[float]) -> Iterator[Recovery]:
    """Yield how long after each death of the gateway an upload was accepted again."""
    accepted = sorted(accepted_at)
    for died_s in died:
        after = [at_s for at_s in accepted if at_s > died_s]
        if after:
            yield Recovery("gateway", after[0] - died_s)


def of_notifiers(followers: Sequence[Follower]) -> Iterator[Recovery]:
    """Yield how long clients were without events that had been cut off."""
    for follower in followers:
        for lost_s, back_s in follower.cut_off:
            yield Recovery("notifier", back_s - lost_s)


def of_servers(down: Sequence[tuple[float, float]], told_at: Sequence[float]) -> Iterator[Recovery]:
    """Yield how long after the server was lost anything was written again."""
    told = sorted(told_at)
    for gone_s, _ in down:
        after = [at_s for at_s in told if at_s > gone_s]
        if after:
            yield Recovery("server", after[0] - gone_s)
