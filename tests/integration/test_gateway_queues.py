"""`/api/queues` on a real gateway: what it counts, and that a pause holds photos back."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import orjson
import pytest

from tests.support.clients import PHOTOS, get, upload
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server


@pytest.fixture
def gateway(redis_url: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri()}
    with ServiceProcess("gateway", environment) as process:
        yield process.wait_ready()


async def post(url: str) -> tuple[int, dict[str, object]]:
    async with aiohttp.ClientSession() as session, session.post(url) as response:
        return response.status, orjson.loads(await response.read())


async def test_a_queue_says_what_waits_by_priority(gateway: ServiceProcess) -> None:
    # Given photos that nobody works on
    for priority in ("low", "low", "high"):
        await upload(gateway.url, PHOTOS / "cat.jpg", priority=priority)

    # If I ask for the queues
    status, answer = await get(f"{gateway.url}/api/queues")

    # I expect them counted
    assert status == 200
    assert answer == {
        "items": [
            {
                "name": "tagging",
                "waiting": {"front": 0, "high": 1, "normal": 0, "low": 2},
                "active": 0,
                "delayed": 0,
                "dead": 0,
                "deadDropped": 0,
                "workers": 0,
                "paused": False,
            }
        ]
    }


async def test_a_queue_is_paused_until_it_is_resumed(gateway: ServiceProcess) -> None:
    url = f"{gateway.url}/api/queues"
    # Given a paused queue, paused twice
    for _ in range(2):
        status, queue = await post(f"{url}/tagging/pause")
        assert (status, queue["paused"]) == (200, True)
    assert (await get(url))[1]["items"][0]["paused"] is True

    # If I resume it
    status, queue = await post(f"{url}/tagging/resume")

    # I expect it to run
    assert (status, queue["paused"]) == (200, False)


async def test_a_queue_that_there_is_not_is_a_404(gateway: ServiceProcess) -> None:
    status, problem = await post(f"{gateway.url}/api/queues/nope/pause")
    assert (status, problem["code"]) == (404, "not_found")


async def test_who_looks_at_queues_while_redis_is_stopped_holds_up_nothing_else(
    tmp_path: Path,
) -> None:
    # Given a server that is there and does not answer
    with temporary_server(tcp=True) as server:
        environment = {"REDIS_URL": server.url, "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri()}
        with ServiceProcess("gateway", environment) as gateway:
            gateway.wait_ready()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

                async def asked(path: str) -> tuple[str, int]:
                    async with session.get(gateway.url + path) as response:
                        return path, response.status

                assert server.pid
                os.kill(server.pid, signal.SIGSTOP)
                try:
                    # If more look at the queues than there are threads in any pool
                    looking = [asyncio.create_task(asked("/api/queues")) for _ in range(40)]
                    # A file of the documentation is read on a thread, too
                    looking.append(asyncio.create_task(asked("/api/docs/swagger-ui.css")))
                    answers = [await each for each in asyncio.as_completed(looking)]
                finally:
                    os.kill(server.pid, signal.SIGCONT)

    # I expect what wants no server first, and of the rest that it is away
    assert answers == [("/api/docs/swagger-ui.css", 200), *[("/api/queues", 503)] * 40]
