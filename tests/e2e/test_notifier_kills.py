"""SIGKILL of a notifier under many sockets: each one hears all of its stream, once."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from redis.asyncio import Redis

from cli.follow import follow
from cli.transports import Cursor
from shared import keys
from shared.tasks import end
from tests.support.notifier import database, tell
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until

KILLS = int(os.environ.get("TAGLINE_TEST_KILLS", "3"))
SOCKETS = int(os.environ.get("TAGLINE_TEST_SOCKETS", "40"))
"""`make chaos` sets more of both."""


@dataclass
class Client:
    """One follower, which changes between two notifiers as it is cut off."""

    cursor: Cursor = field(default_factory=Cursor)
    first: str = ""
    heard: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    async def run(self, web: aiohttp.ClientSession, url: str) -> None:
        async for event in follow(web, url, self.cursor):
            self.names.append(event.name)
            if event.name == "connected":
                self.first = event.id
            else:
                self.heard.append(event.id)


async def write(redis: Redis, clients: list[Client], chance: random.Random) -> None:
    """Tell one client after the other something, without an end."""
    number = 0
    while True:
        client = chance.choice(clients)
        await tell(redis, client.cursor.socket_id, {"n": number})
        number += 1
        await asyncio.sleep(0.002)


async def told(redis: Redis, socket_id: str) -> list[str]:
    """Return what the stream holds for a socket."""
    lane = keys.lane(int(socket_id.partition("-")[0]))
    entries: Any = await redis.xrange(lane)
    return [
        entry_id.decode() for entry_id, fields in entries if fields[b"socket"].decode() == socket_id
    ]


async def test_killed_notifiers_cost_nobody_an_event(redis_url: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # to repeat a failure
    chance = random.Random(seed)
    environment = {"REDIS_URL": redis_url, "TAGLINE_CONNECTS_PER_S": "1000"}
    clients = [Client() for _ in range(SOCKETS)]
    async with AsyncExitStack() as stack:
        service = stack.enter_context(ServiceProcess("notifier", environment))
        service.wait_ready()
        redis = await stack.enter_async_context(database(redis_url))
        web = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        following = [asyncio.create_task(each.run(web, service.url)) for each in clients]
        await wait_until(lambda: all(each.first for each in clients), timeout_s=30)
        writing = asyncio.create_task(write(redis, clients, chance))
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, 1))
            service.kill()
            await asyncio.sleep(chance.uniform(0, 0.2))
            service.start()
            await asyncio.to_thread(service.wait_ready)
        await end(writing)
        for each in clients:
            await tell(redis, each.cursor.socket_id, "last")
        owed = {each.cursor.socket_id: await told(redis, each.cursor.socket_id) for each in clients}
        await wait_until(
            lambda: all(each.heard[-1:] == owed[each.cursor.socket_id][-1:] for each in clients),
            timeout_s=60,
            what="everybody has heard the last event",
        )
        for task in following:
            assert not task.done()
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    for each in clients:
        assert each.heard == owed[each.cursor.socket_id]
        # The history was long enough: nobody had to begin anew
        assert each.names.count("connected") == 1
        assert "resync" not in each.names
