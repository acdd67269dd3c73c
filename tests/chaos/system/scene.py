"""What a run is done with: server, proxies, provider, services and clients."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from deploy.local.server import EmbeddedServer
from tests.chaos.system.follower import Follower
from tests.chaos.system.plan import CLOCKS_S, COPIES, Plan
from tests.chaos.system.provider import moody
from tests.chaos.system.sender import Sender
from tests.chaos.system.slots import Slot
from tests.support.broker_proxy import Proxy, proxy_to
from tests.support.openai_server import OpenAIServer
from tests.support.redis_server import temporary_server

RETENTION_S: Final = 7200
"""Longer than a run: the lanes hold all that was ever told."""


@dataclass
class Scene:
    """All there is in a run."""

    plan: Plan
    server: EmbeddedServer
    proxies: dict[str, Proxy]
    blobs: Path
    slots: dict[str, list[Slot]]
    web: aiohttp.ClientSession
    followers: list[Follower] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)

    @property
    def all_slots(self) -> list[Slot]:
        return [slot for copies in self.slots.values() for slot in copies]

    def pids(self) -> dict[str, list[int]]:
        found = {kind: [each.service.pid for each in copies] for kind, copies in self.slots.items()}
        return {**found, "server": [self.server.pid] if self.server.pid else []}


@asynccontextmanager
async def opened(plan: Plan) -> AsyncIterator[Scene]:
    """Start server, proxies, provider and services, and wait until all are ready."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tagline-")))
        server = stack.enter_context(temporary_server(tcp=True))
        proxies = {kind: stack.enter_context(proxy_to(server.url)) for kind in COPIES}
        openai = await stack.enter_async_context(OpenAIServer())
        openai.rule = moody(openai, plan.seed)
        blobs = folder / "blobs"
        slots = {
            kind: [
                Slot(
                    kind,
                    number,
                    _environment(plan, openai, blobs, proxies[kind]),
                    folder,
                    clock_s=clock_s,
                )
                for number, clock_s in enumerate(clocks_s)
            ]
            for kind, clocks_s in CLOCKS_S.items()
        }
        web = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=15),
            )
        )
        scene = Scene(plan, server, proxies, blobs, slots, web)
        for slot in scene.all_slots:
            slot.start()
            stack.callback(slot.service.close)
        for slot in scene.all_slots:
            await asyncio.to_thread(slot.service.wait_ready, timeout_s=60)
        yield scene


def _environment(plan: Plan, openai: OpenAIServer, blobs: Path, proxy: Proxy) -> dict[str, str]:
    return {
        "REDIS_URL": proxy.url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_CACHE_DIR": str(blobs.parent),
        "TAGLINE_CLAIM_AFTER_MS": str(plan.claim_after_ms),
        "TAGLINE_RETENTION_S": str(RETENTION_S),
        "TAGLINE_CONNECTS_PER_S": "1000",
        # The places of those that were killed stay taken for most of a lease.
        "TAGLINE_MAX_CALLS": "48",
        "TAGLINE_THREADS": "4",
        "TAGLINE_DECODERS": "1",
        "TAGLINE_GRACE_S": "5",
        "OPENAI_API_KEY": openai.key,
        "OPENAI_BASE_URL": openai.url,
    }
