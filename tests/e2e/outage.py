"""A system in steady use, to have something taken away from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import redis

from deploy.local.server import EmbeddedServer
from shared import keys
from shared.tasks import end
from tests.chaos.check import Finding
from tests.chaos.system.check import check
from tests.chaos.system.follower import Follower
from tests.chaos.system.history import History
from tests.chaos.system.parcels import parcels
from tests.chaos.system.plan import Plan
from tests.chaos.system.sender import Sender
from tests.chaos.system.state import leased, remains, swept
from tests.e2e.stack import Stack, running_stack
from tests.support.openai_server import OpenAIServer
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until

SEED: Final = 20261126
UPLOADS: Final = 600
CLIENTS: Final = 6
SEND_EVERY_S: Final = 0.2
ASK_EVERY_S: Final = 0.1
ANSWERS_WITHIN_S: Final = 60.0
"""Far more than any answer takes, also on a busy machine: what does not come by then hangs."""

PATIENCE_S: Final = 120.0
SHOWN: Final = 3000
RETENTION_S: Final = 7200


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*(end(task) for task in tasks), return_exceptions=True)


class Probe:
    """Asks a service how it is, again and again. `words`: by check, when it last told."""

    def __init__(self, service: ServiceProcess, web: aiohttp.ClientSession) -> None:
        self.name = service.name
        self.status = 200
        self.words: Mapping[str, str] = {}
        self.troubles: list[str] = []
        self._url = service.url
        self._web = web

    async def ask_forever(self) -> None:
        while True:
            alive, _ = await self._ask("healthz")
            if alive != 200:
                self.troubles.append(f"{self.name}'s /healthz was answered {alive}")
            self.status, said = await self._ask("readyz")
            self.words = said.get("checks", {})
            await asyncio.sleep(ASK_EVERY_S)

    async def _ask(self, path: str) -> tuple[int, Any]:
        try:
            async with self._web.get(f"{self._url}/{path}") as response:
                return response.status, orjson.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            self.troubles.append(f"{self.name}'s /{path}: {error!r}")
            return 0, {}


class System:
    """The services, and clients that upload, give orders and follow all the time."""

    def __init__(self, server: EmbeddedServer, stack: Stack, web: aiohttp.ClientSession) -> None:
        self.server = server
        self.stack = stack
        self._web = web
        self.services = (stack.gateway, stack.notifier, stack.tagger)
        self.probes = [Probe(service, web) for service in self.services]
        self.followers = [Follower(each, SEED, [stack.notifier.url]) for each in range(CLIENTS)]
        self.senders = [
            Sender(each, self.followers, stack.gateway.url, web, SEED) for each in self.followers
        ]
        self._parcels = iter(parcels(Plan(SEED, uploads=UPLOADS, poison=0)))
        self._sending: list[asyncio.Task[None]] = []
        self._following: list[asyncio.Task[None]] = []
        self._resting = False
        self._pids = [service.pid for service in self.services]

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        probing = [asyncio.create_task(each.ask_forever()) for each in self.probes]
        self._follow()
        self.go_on()
        try:
            yield
        finally:
            await _ended([*probing, *self._following, *self._sending])

    async def cut_off(self) -> None:
        """Have all clients lose their connections, and come back as they can."""
        await _ended(self._following)
        self._follow()

    def _follow(self) -> None:
        self._following = [asyncio.create_task(each.run(self._web)) for each in self.followers]

    def go_on(self) -> None:
        """Have the clients upload, for the first time or after a rest."""
        self._resting = False
        self._sending = [asyncio.create_task(self._send_on(each)) for each in self.senders]

    async def _send_on(self, sender: Sender) -> None:
        while not self._resting:
            await sender.send(next(self._parcels))
            await asyncio.sleep(SEND_EVERY_S)

    @property
    def _accepted(self) -> int:
        return sum(len(sender.accepted_at) for sender in self.senders)

    @property
    def _unavailable(self) -> int:
        return sum(sender.unavailable for sender in self.senders)

    async def takes(self, count: int = 4) -> None:
        """Wait until so many more uploads have been accepted."""
        wanted = self._accepted + count
        await wait_until(
            lambda: self._accepted >= wanted, timeout_s=PATIENCE_S, what="uploads are accepted"
        )

    async def refuses(self, count: int = 4) -> None:
        """Wait until so many more calls have been answered with 503."""
        wanted = self._unavailable + count
        await wait_until(
            lambda: self._unavailable >= wanted, timeout_s=PATIENCE_S, what="uploads are refused"
        )

    async def not_ready(self, what: str, *names: str) -> None:
        """Wait until the services of `names`, all without any, say that `what` is not well."""
        asked = [each for each in self.probes if each.name in (names or (each.name,))]
        await wait_until(
            lambda: all(each.status == 503 and what in each.words for each in asked),
            timeout_s=PATIENCE_S,
            what=f"it is said that {what} is away",
        )

    async def ready(self) -> float:
        """Wait until all are ready; return how long that took, s."""
        began_s = time.monotonic()
        await wait_until(
            lambda: all(each.status == 200 for each in self.probes),
            timeout_s=PATIENCE_S,
            what="all are ready",
        )
        return time.monotonic() - began_s

    async def rest(self, url: str = "") -> None:
        """Send no more, and wait until all that was accepted has ended, and all ends are heard.

        `url`: where the data is, if not at `server`.
        """
        self._resting = True
        await asyncio.gather(*self._sending)
        await wait_until(
            lambda: asyncio.to_thread(self._at_rest, url or self.server.url),
            timeout_s=PATIENCE_S,
            what="all is at rest",
        )

    def _at_rest(self, url: str) -> bool:
        """Whether nothing is left to do or to be heard."""
        with redis.Redis.from_url(url) as client:
            if client.zcard(keys.unfinished()) or leased(client):
                return False
            for follower in self.followers:
                lane = int(follower.socket_id.partition("-")[0])
                entries: Any = client.xrange(keys.lane(lane), f"({follower.position}")
                if any(f[b"socket"].decode() == follower.socket_id for _, f in entries):
                    return False
        return True

    async def findings(self, url: str = "") -> Sequence[Finding]:
        """Rest, and hold all that was noted against what is left."""
        await self.rest(url)
        url = url or self.server.url
        orders = [order for sender in self.senders for order in sender.orders]
        retagged = {order.photo_id for order in orders if order.what == "retag"}
        with redis.Redis.from_url(url) as client:
            left = await asyncio.to_thread(remains, client, retagged)
        blobs = await swept(url, self.stack.blobs)
        misbehaved = list(self._misbehaved())
        return check(History.of(self.senders, self.followers, left, blobs, misbehaved))

    def _misbehaved(self) -> list[str]:
        told = [fault for each in self.senders for fault in each.troubles]
        told += [fault for probe in self.probes for fault in probe.troubles]
        told += [fault for each in self.followers for fault in each.troubles]
        told += [
            f"{sender.unanswered} calls had no answer within {ANSWERS_WITHIN_S:g} s"
            for sender in self.senders
            if sender.unanswered
        ]
        for service, pid in zip(self.services, self._pids, strict=True):
            if service.returncode is not None or service.pid != pid:
                told.append(f"{service.name} ended: {service.returncode}")
            _, found, traceback = service.output.partition("Traceback")
            if found:
                told.append(f"{service.name} was surprised: {traceback[-SHOWN:]}")
        return told


@asynccontextmanager
async def used_system(
    server: EmbeddedServer,
    folder: Path,
    *,
    url: str = "",
    of_gateway: Mapping[str, str] | None = None,
) -> AsyncIterator[System]:
    """Start services at `server`, which they may know by another `url`, and clients."""
    async with AsyncExitStack() as stack:
        openai = await stack.enter_async_context(OpenAIServer(delay_s=0.2))
        settings = {
            "OPENAI_API_KEY": openai.key,
            "OPENAI_BASE_URL": openai.url,
            "TAGLINE_RETENTION_S": str(RETENTION_S),
            "TAGLINE_CLAIM_AFTER_MS": "2000",
            "TAGLINE_MIN_FREE_BYTES": "1",
            "TAGLINE_CONNECTS_PER_S": "1000",
        }
        services = running_stack(url or server.url, folder, folder, settings, of_gateway)
        running = stack.enter_context(services)
        web = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=ANSWERS_WITHIN_S, sock_read=ANSWERS_WITHIN_S
                ),
            )
        )
        system = System(server, running, web)
        async with system.in_use():
            yield system
