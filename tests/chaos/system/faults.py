"""The faults of a run, drawn from the seed: each kind of process on its own track."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import redis
from redis.asyncio import Redis

from deploy.local.server import EmbeddedServer
from shared.broker.connections import script as broker_script
from shared.redis import script
from tests.chaos.points import POINTS
from tests.chaos.system.overtaking import STANDING, overtake
from tests.chaos.system.plan import COPIES, Plan
from tests.chaos.system.slots import Slot
from tests.support.broker_proxy import Proxy

SPREAD: Final = (0.5, 1.5)
"""A pause between two faults of a track, in shares of the mean."""

PASSINGS: Final = 3
"""A failpoint lets its process die at one of so many passings."""

BEYOND_LEASE_S: Final = 1.5
STANDSTILL_S: Final = (1.0, 6.0)
DOWN_S: Final = (0.05, 0.8)
SLOW_S: Final = (0.3, 2.5)
COMES_WITHIN_S: Final = 1.0
"""How long a reply to be lost is waited for, before another is chosen."""

LOSES_FOR: Final = 1.2
"""How long it is tried to lose the replies that are to be lost, in shares of the run's time."""

STANDS_WITHIN_S: Final = 15.0

SCRIPTS: Final = {
    "gateway": ("submit", "cancel", "retag", "delete", "edit_tags", "watch"),
    "tagger": (
        "claim", "step", "finish", "retry", "name_tags", "cache_ask", "cache_leave",
        "gate_enter", "gate_leave", "gate_renew", "count_call", "line",
    ),
    "notifier": (),
}  # fmt: skip
BROKER_SCRIPTS: Final = ("fetch", "ack", "hand_back", "renew", "sweep")
COMMANDS: Final = {
    "gateway": (b"EVALSHA", b"HGETALL"),
    "tagger": (b"XREADGROUP", b"EVALSHA", b"HMGET"),
    "notifier": (b"XREAD", b"XRANGE", b"XADD", b"EVALSHA"),
}


@dataclass(frozen=True)
class Fault:
    """`what`: kill, point, stop or term; which copy, after a pause in shares of the mean.

    `length`: of what lasts, 0 to 1. `point`: the failpoint, and at which passing of it.
    """

    what: str
    copy: int
    pause: float
    length: float
    point: str = ""
    passing: int = 1


def deck(plan: Plan, kind: str) -> list[Fault]:
    """Return the faults of one kind of process, in their order.

    Half of the SIGKILLs come at failpoints: all of these once before any comes again.
    """
    chance = random.Random(f"{plan.seed} {kind}")
    names = sorted(POINTS.get(kind, ()))
    kills = plan.kills[kind]
    at_points = (kills + 1) // 2 if names else 0
    whats = ["kill"] * (kills - at_points) + ["point"] * at_points
    whats += ["stop"] * plan.stops[kind] + ["term"] * plan.terms[kind]
    chance.shuffle(whats)
    found: list[Fault] = []
    points: list[str] = []
    for what in whats:
        points = points or chance.sample(names, len(names))
        copy, pause = chance.randrange(COPIES.get(kind, 1)), chance.uniform(*SPREAD)
        point = points.pop() if what == "point" else ""
        found.append(Fault(what, copy, pause, chance.random(), point, chance.randint(1, PASSINGS)))
    return found


class Faults:
    """Does the faults.

    `down`: when the server was away, from and until. `cut`: when the taggers' connections had been
    reset, or had been slow until. By the wall clock, s.
    """

    def __init__(
        self,
        plan: Plan,
        slots: Mapping[str, Sequence[Slot]],
        server: EmbeddedServer,
        proxies: Mapping[str, Proxy],
        client: Redis,
    ) -> None:
        self.down: list[tuple[float, float]] = []
        self.cut: list[float] = []
        self.done: dict[str, int] = {}
        self._plan = plan
        self._slots = slots
        self._server = server
        self._proxies = proxies
        self._client = client

    async def run(self) -> None:
        """Do all faults; return when the last is over."""
        async with asyncio.TaskGroup() as tracks:
            for kind in self._slots:
                tracks.create_task(self._track(kind))
            tracks.create_task(self._track_of_server())
            for kind in self._proxies:
                tracks.create_task(self._lose_replies(kind))
            tracks.create_task(self._disturb_connections())

    async def overtake(self, number: int) -> None:
        """Have a tagger overtaken, with no other fault: both have to be there for that."""
        taggers = self._slots["tagger"]
        slot, point = taggers[number % len(taggers)], STANDING[number % len(STANDING)]
        lease_s = self._plan.claim_after_ms / 1000
        if await overtake(self._client, slot, point, lease_s=lease_s, within_s=STANDS_WITHIN_S):
            self._count("tagger overtaken")

    async def _track(self, kind: str) -> None:
        faults = deck(self._plan, kind)
        async with asyncio.TaskGroup() as lasting:
            for fault in faults:
                await asyncio.sleep(fault.pause * self._plan.seconds / len(faults))
                slot = self._slots[kind][fault.copy]
                if fault.what == "kill":
                    slot.kill()
                elif fault.what == "point":
                    dying = slot.die_at(fault.point, fault.passing, within_s=self._plan.patience_s)
                    lasting.create_task(dying)
                elif fault.what == "stop":
                    self._count(f"{kind} stopped")
                    lasting.create_task(slot.stop(for_s=self._standstill_s(kind, fault.length)))
                else:
                    self._count(f"{kind} told to end")
                    lasting.create_task(slot.terminate())

    def _standstill_s(self, kind: str, share: float) -> float:
        if kind == "tagger":
            return self._plan.claim_after_ms / 1000 + BEYOND_LEASE_S
        return _between(STANDSTILL_S, share)

    async def _track_of_server(self) -> None:
        faults = deck(self._plan, "server")
        for fault in faults:
            await asyncio.sleep(fault.pause * self._plan.seconds / len(faults))
            self._count(f"server {fault.what}")
            if fault.what == "stop":
                gone_s = await self._stop_server(_between(STANDSTILL_S, fault.length))
            else:
                gone_s = await self._end_server(fault)
            self.down.append((gone_s, time.time()))

    async def _stop_server(self, for_s: float) -> float:
        """Have the server stand still for a while; return since when."""
        assert self._server.pid is not None
        os.kill(self._server.pid, signal.SIGSTOP)
        gone_s = time.time()
        await asyncio.sleep(for_s)
        os.kill(self._server.pid, signal.SIGCONT)
        return gone_s

    async def _end_server(self, fault: Fault) -> float:
        """End the server, in order or not, and start it again; return since when it was gone."""
        if fault.what == "kill":
            self._server.kill()
        else:
            self._server.stop()
        gone_s = time.time()
        await asyncio.sleep(_between(DOWN_S, fault.length))
        self._server.launch()
        await asyncio.to_thread(self._server.wait_ready)
        return gone_s

    async def _lose_replies(self, kind: str) -> None:
        """Lose replies to one kind of service until there are enough, over all of them."""
        chance = random.Random(f"{self._plan.seed} {kind} replies")
        requests, proxy = _requests(kind), self._proxies[kind]
        pause_s = self._plan.seconds * len(self._proxies) / max(1, 2 * self._plan.replies)
        deadline = time.monotonic() + LOSES_FOR * self._plan.seconds
        while self._lost() < self._plan.replies and time.monotonic() < deadline:
            before = proxy.lost
            proxy.lose_reply(request=chance.choice(requests))
            patience = time.monotonic() + COMES_WITHIN_S
            while proxy.lost == before and time.monotonic() < patience:
                await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0, pause_s))
        self.done["replies lost"] = self._lost()

    def _lost(self) -> int:
        return sum(proxy.lost for proxy in self._proxies.values())

    async def _disturb_connections(self) -> None:
        chance = random.Random(f"{self._plan.seed} connections")
        whats = ["delay"] * self._plan.delays + ["reset"] * self._plan.resets
        chance.shuffle(whats)
        for what in whats:
            await asyncio.sleep(chance.uniform(*SPREAD) * self._plan.seconds / len(whats))
            kind, length_s = chance.choice(sorted(self._proxies)), chance.uniform(*SLOW_S)
            proxy = self._proxies[kind]
            self._count(f"connections {what}")
            if what == "reset":
                proxy.reset()
            else:
                proxy.hold_back(for_s=length_s)
            if kind == "tagger":
                self.cut.append(time.time() + (length_s if what == "delay" else 0.0))

    def _count(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1


def _requests(kind: str) -> list[bytes]:
    """Return what requests contain whose replies may be lost: a command, or a script's hash."""
    found = [*COMMANDS[kind], *(script(Redis(), name).sha.encode() for name in SCRIPTS[kind])]
    if kind == "tagger":
        found += [broker_script(redis.Redis(), name).sha.encode() for name in BROKER_SCRIPTS]
    return found


def _between(bounds: tuple[float, float], share: float) -> float:
    least, most = bounds
    return least + share * (most - least)
