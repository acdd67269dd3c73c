"""One soak: the most this machine does, then four fifths of it, and what has grown meanwhile."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Final

import aiohttp
from redis.asyncio import Redis

from deploy.local.server import EmbeddedServer
from shared.tasks import end
from tests.chaos.soak.growth import growths, table
from tests.chaos.soak.load import Load
from tests.chaos.soak.sampling import Sampler
from tests.chaos.system.follower import Follower
from tests.e2e.stack import Stack, running_stack
from tests.support.openai_server import OpenAIServer
from tests.support.redis_server import temporary_server

FULL_S: Final = 20.0
AT_A_TIME: Final = 16
SHARE: Final = 0.8
FOLLOWERS: Final = 12
RETENTION_S: Final = 60
"""Shorter than the first quarter: from then on as much history is trimmed as is told."""

TELL_EVERY_S: Final = 60.0
FORGET_EVERY_S: Final = 1.0


async def _execute(minutes: float, seed: int) -> tuple[bool, str]:
    with tempfile.TemporaryDirectory(prefix="tagline-") as scratch, temporary_server() as server:
        async with OpenAIServer(delay_s=0.05) as openai:
            settings = {
                "OPENAI_API_KEY": openai.key,
                "OPENAI_BASE_URL": openai.url,
                "TAGLINE_RETENTION_S": str(RETENTION_S),
                "TAGLINE_CACHE_TTL_S": str(RETENTION_S),
            }
            with running_stack(server.url, Path(scratch), Path(scratch), settings) as stack:
                return await _soak(stack, server, openai, minutes=minutes, seed=seed)


async def _soak(
    stack: Stack, server: EmbeddedServer, openai: OpenAIServer, *, minutes: float, seed: int
) -> tuple[bool, str]:
    services = {each.name: each for each in (stack.gateway, stack.notifier, stack.tagger)}
    pids = {name: service.pid for name, service in services.items()}
    followers = [Follower(each, seed, [stack.notifier.url]) for each in range(FOLLOWERS)]
    patience = aiohttp.ClientTimeout(total=None, sock_connect=15, sock_read=60)
    async with (
        aiohttp.ClientSession(timeout=patience, connector=aiohttp.TCPConnector(limit=0)) as web,
        Redis.from_url(server.url) as client,
    ):
        load = Load(stack.gateway.url, web, followers)
        sampler = Sampler({**pids, "server": server.pid or 0}, client, stack.blobs)
        background = [
            asyncio.create_task(work)
            for work in (*(each.run(web) for each in followers), _forget(openai, followers))
        ]
        try:
            most = await load.fastest(seconds=FULL_S, at_a_time=AT_A_TIME)
            print(f"at most {most:.1f} photos a second", flush=True)  # noqa: T201
            background += [
                asyncio.create_task(sampler.look_forever()),
                asyncio.create_task(_tell(load)),
            ]
            seconds = minutes * 60
            await load.steadily(SHARE * most, seconds=seconds, at_a_time=4 * AT_A_TIME)
        finally:
            await asyncio.gather(*(end(task) for task in background), return_exceptions=True)
    ended = [name for name, service in services.items() if service.returncode is not None]
    found = growths(sampler.samples)
    told = (
        f"{SHARE * most:.1f} photos a second for {minutes:g} minutes: {load.lived} lived,"
        f" {load.left_out} left out, in trouble: {dict(load.troubles) or 'none'},"
        f" ended: {ended or 'none'}"
    )
    well = all(each.flat for each in found) and not ended and not load.troubles
    return well, f"{told}\n{table(found)}"


async def _forget(openai: OpenAIServer, followers: list[Follower]) -> None:
    """Keep what notes everything from taking the machine's memory."""
    while True:
        await asyncio.sleep(FORGET_EVERY_S)
        openai.requests.clear()
        openai.calls.clear()
        for follower in followers:
            follower.frames.clear()


async def _tell(load: Load) -> None:
    while True:
        await asyncio.sleep(TELL_EVERY_S)
        print(f"{load.lived} lived", flush=True)  # noqa: T201  # so that it is seen to go on


def execute(minutes: float, seed: int) -> tuple[bool, str]:
    """Soak services of its own; return whether all is flat and went well, and the table."""
    return asyncio.run(_execute(minutes, seed))
