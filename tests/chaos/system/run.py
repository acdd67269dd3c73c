"""One run of the whole system: clients upload and follow while everything is killed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import redis

from shared import keys
from shared.tasks import end
from tests.chaos.check import Finding
from tests.chaos.system import recovery
from tests.chaos.system.check import check
from tests.chaos.system.faults import Faults
from tests.chaos.system.follower import Follower
from tests.chaos.system.history import History, Recovery
from tests.chaos.system.parcels import Parcel, parcels
from tests.chaos.system.plan import Plan
from tests.chaos.system.scene import Scene, opened
from tests.chaos.system.sender import Sender
from tests.chaos.system.state import Remains, leased, remains, swept
from tests.chaos.system.watching import Scales, Watcher, looking

TELL_EVERY_S: Final = 15.0
LATE_PAUSE_S: Final = 0.3
LATE_FOR_EACH: Final = 8
"""How many uploads are kept back for each tagger that is to be overtaken."""


class Run:
    """A run in a scene; `execute` does it all."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._plan = scene.plan
        self._troubles: list[str] = []
        self._remains = Remains()

    async def execute(self) -> tuple[list[Finding], str]:
        """Send all parcels under all faults, wait for rest, and check."""
        scene, plan = self._scene, self._plan
        began_s = time.monotonic()
        client = looking(scene.server.url)
        watcher, scales = Watcher(client), Scales(scene.pids)
        deaths = recovery.Deaths(client, scene.slots["tagger"], within_s=plan.claim_after_ms / 1000)
        faults = Faults(plan, scene.slots, scene.server, scene.proxies, client)
        urls = [slot.service.url for slot in scene.slots["notifier"]]
        scene.followers = [Follower(each, plan.seed, urls) for each in range(plan.clients)]
        background = [
            asyncio.create_task(work)
            for work in (
                watcher.look_forever(),
                scales.weigh_forever(),
                deaths.note_forever(),
                *(slot.look_after() for slot in scene.all_slots),
                *(follower.run(scene.web) for follower in scene.followers),
                self._tell(began_s),
            )
        ]
        try:
            early, late = self._parcels()
            async with asyncio.TaskGroup() as group:
                group.create_task(faults.run())
                group.create_task(self._send(early, over_s=plan.seconds))
            for number in range(plan.overtaken):
                async with asyncio.TaskGroup() as group:
                    group.create_task(faults.overtake(number))
                    mine = late[number :: plan.overtaken]
                    group.create_task(self._send(mine, over_s=len(mine) * LATE_PAUSE_S))
            await self._settle(background)
            await watcher.look()
        finally:
            await asyncio.gather(*(end(task) for task in background), return_exceptions=True)
            await client.aclose()
        for slot in scene.all_slots:
            await slot.end()
        self._remains = await asyncio.to_thread(self._look)
        history = await self._history(watcher, scales, deaths, faults)
        return check(history), self._told(faults, time.monotonic() - began_s)

    def _parcels(self) -> tuple[list[Parcel], list[Parcel]]:
        """Return what is sent under all faults, and what is sent as taggers are overtaken."""
        plan, scene = self._plan, self._scene
        gateway = scene.slots["gateway"][0].service.url
        scene.senders = [
            Sender(follower, scene.followers, gateway, scene.web, plan.seed)
            for follower in scene.followers
        ]
        found = parcels(plan)
        late = LATE_FOR_EACH * plan.overtaken
        return found[:-late], found[-late:]

    async def _send(self, parcels: Sequence[Parcel], *, over_s: float) -> None:
        """Have the clients send parcels, evenly over that time."""
        senders = self._scene.senders
        async with asyncio.TaskGroup() as group:
            for parcel in parcels:
                group.create_task(senders[parcel.number % len(senders)].send(parcel))
                await asyncio.sleep(over_s / len(parcels))

    async def _settle(self, background: Sequence[asyncio.Task[Any]]) -> None:
        """Wait until nothing is left to do, and every client has heard the last of its events."""
        left, deadline = "", time.monotonic() + self._plan.settle_s
        while time.monotonic() < deadline:
            for task in background:
                if task.done():
                    await task
            left = await asyncio.to_thread(self._unsettled)
            if not left:
                return
            await asyncio.sleep(0.2)
        self._troubles.append(f"not at rest after {self._plan.settle_s:g} s: {left}")

    def _unsettled(self) -> str:
        """Return what is not at rest yet, by the server's word."""
        with redis.Redis.from_url(self._scene.server.url) as client:
            if left := client.zcard(keys.unfinished()):
                return f"{left} photos"
            if held := leased(client):
                return f"{held} leases"
            for follower in self._scene.followers:
                lane, last = int(follower.socket_id.partition("-")[0]), "0-0"
                entries: Any = client.xrange(keys.lane(lane), f"({follower.position}")
                for entry_id, fields in entries:
                    if fields[b"socket"].decode() == follower.socket_id:
                        last = entry_id.decode()
                if last != "0-0":
                    return f"{follower.name} at {follower.position}, before {last}"
        return ""

    def _look(self) -> Remains:
        with redis.Redis.from_url(self._scene.server.url) as client:
            retagged = {
                order.photo_id
                for sender in self._scene.senders
                for order in sender.orders
                if order.what == "retag"
            }
            return remains(client, retagged)

    async def _history(
        self, watcher: Watcher, scales: Scales, deaths: recovery.Deaths, faults: Faults
    ) -> History:
        scene, left = self._scene, self._remains
        blobs = await swept(scene.server.url, scene.blobs)
        senders, slots = scene.senders, scene.all_slots
        history = History.of(
            senders,
            scene.followers,
            left,
            blobs,
            [
                *self._troubles,
                *(trouble for each in senders for trouble in each.troubles),
                *(trouble for each in scene.followers for trouble in each.troubles),
                *(fault for slot in slots for fault in slot.misbehaved),
            ],
        )
        return replace(
            history,
            samples=watcher.samples,
            stranded=watcher.stranded,
            deaths=watcher.deaths,
            held=None if self._plan.recovery_s is None else deaths.count(),
            met=sum((slot.met for slot in slots), Counter()),
            peaks_mb=scales.peaks_mb,
            recoveries=list(self._recoveries(deaths, faults)),
            recovery_s=self._plan.recovery_s,
        )

    def _recoveries(self, deaths: recovery.Deaths, faults: Faults) -> list[Recovery]:
        scene = self._scene
        accepted_at = [at_s for sender in scene.senders for at_s in sender.accepted_at]
        told_at = [
            int(told.id.partition("-")[0]) / 1000 for lane in self._remains.lanes for told in lane
        ]
        died = []
        for slot in scene.slots["gateway"]:
            while not slot.dead.empty():
                died.append(slot.dead.get_nowait()[1])
        return [
            *recovery.of_taggers(
                deaths.held,
                self._remains.jobs,
                lease_s=self._plan.claim_after_ms / 1000,
                faults_over_at=[
                    *(at_s for slot in scene.slots["tagger"] for at_s in slot.up_at),
                    *(each.died_s for each in deaths.held),
                    *(ended_s for _, ended_s in faults.down),
                    *faults.cut,
                ],
            ),
            *recovery.of_gateways(died, accepted_at),
            *recovery.of_notifiers(scene.followers),
            *recovery.of_servers(faults.down, told_at),
        ]

    async def _tell(self, began_s: float) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            accepted = sum(len(u.accepted) > 0 for s in self._scene.senders for u in s.uploads)
            killed = sum(slot.killed for slot in self._scene.all_slots)
            print(  # noqa: T201  # so that whoever waits sees that it goes on
                f"{time.monotonic() - began_s:4.0f} s: {accepted} uploads accepted,"
                f" {killed} services killed",
                flush=True,
            )

    def _told(self, faults: Faults, took_s: float) -> str:
        slots = self._scene.slots
        done = dict(faults.done)
        for kind, copies in slots.items():
            done[f"{kind} killed"] = sum(slot.killed for slot in copies)
        reached = sum((slot.reached for slot in self._scene.all_slots), Counter())
        photos = sum(len(u.digests) for sender in self._scene.senders for u in sender.uploads)
        lines = [
            f"{photos} photos in {took_s:.0f} s; "
            + ", ".join(f"{count} {what}" for what, count in sorted(done.items())),
            "died at failpoints: "
            + (", ".join(f"{point} {n}" for point, n in sorted(reached.items())) or "none"),
        ]
        return "\n".join(lines)


async def _execute(plan: Plan) -> tuple[list[Finding], str]:
    async with opened(plan) as scene:
        return await Run(scene).execute()


def execute(plan: Plan) -> tuple[list[Finding], str]:
    """Do one run on a server and services of its own; return what was found, and was done."""
    return asyncio.run(_execute(plan))
