"""What the whole system does while what it needs is away, full or read-only, and after.

Nobody restarts a service: each says what it lacks, refuses with 503 and `Retry-After`, and goes
on by itself. `TAGLINE_TEST_AWAY_S` says how long each outage lasts; where it lasts long, the
time until all are ready again is judged, too.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
import redis

from deploy.local.server import EmbeddedServer
from shared import keys
from tests.chaos.system.check import PROMISES
from tests.e2e.outage import PATIENCE_S, System, used_system
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

AWAY_S: Final = float(os.environ.get("TAGLINE_TEST_AWAY_S", "0.3"))
READY_WITHIN_S: Final = 5.0 if "TAGLINE_TEST_AWAY_S" in os.environ else PATIENCE_S

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(900),  # a busy machine; and an outage may be long
]


class Disk:
    """Where the blobs are; the gateway finds them by a link, so that it alone has a full disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs, self._link = folder / "blobs", folder / "link"
        self._blobs.mkdir()
        self._link.symlink_to(self._blobs)
        self.settings = {"TAGLINE_BLOB_URL": self._link.as_uri()}

    def fill(self) -> None:
        """Lead the gateway to a file system on which nothing is free, ever."""
        self._lead_to(Path("/proc"))

    def free(self) -> None:
        self._lead_to(self._blobs)

    def _lead_to(self, place: Path) -> None:
        self._link.unlink()
        self._link.symlink_to(place)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedServer]:
    with temporary_server() as server:
        yield server


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("system"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def only_system(server: EmbeddedServer, disk: Disk) -> AsyncIterator[System]:
    async with used_system(server, disk.folder, of_gateway=disk.settings) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module")
async def system(only_system: System) -> System:
    """The services, the same for all tests: none is ever started again."""
    only_system.go_on()
    await only_system.takes()
    return only_system


async def lasts(system: System) -> None:
    """Let the outage last: uploads are refused, and clients come back to whatever there is."""
    await system.refuses()
    await system.cut_off()
    await asyncio.sleep(AWAY_S)


async def goes_on(system: System) -> None:
    """Hold that all are ready in time, photos are taken, and every promise was kept."""
    took_s = await system.ready()
    print(f"ready again after {took_s:.2f} s")  # noqa: T201  # a figure for the docs
    await system.takes()
    findings = await system.findings()
    print(*findings, sep="\n")  # noqa: T201  # shown when it fails
    assert [finding.promise for finding in findings if finding.broken] == []
    assert len(findings) == len(PROMISES)
    assert took_s <= READY_WITHIN_S


async def start(server: EmbeddedServer) -> None:
    server.launch()
    await asyncio.to_thread(server.wait_ready)


async def test_a_server_that_was_killed_and_is_away(server: EmbeddedServer, system: System) -> None:
    server.kill()
    await system.not_ready("redis")
    await lasts(system)
    await start(server)

    await goes_on(system)


async def test_a_server_that_does_not_answer(server: EmbeddedServer, system: System) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    await system.not_ready("redis")
    await lasts(system)
    os.kill(server.pid, signal.SIGCONT)

    await goes_on(system)


async def test_a_server_without_memory_ends_what_was_accepted_and_refuses_more(
    client: redis.Redis, system: System
) -> None:
    client.config_set("maxmemory", 1)
    await system.refuses()
    await wait_until(
        lambda: not client.zcard(keys.unfinished()),
        timeout_s=PATIENCE_S,
        what="all that was accepted has ended",
    )
    await lasts(system)
    # All but accepting goes on, so they are ready: photos can be seen, and removed to make room
    assert [probe.status for probe in system.probes] == [200, 200, 200]
    client.config_set("maxmemory", 0)

    await goes_on(system)


def fill_disk(server: EmbeddedServer) -> tuple[int, int]:
    """Have the kernel refuse the server any longer file; return the limits there were."""
    assert server.pid is not None
    largest = max(path.stat().st_size for path in server.data.rglob("*") if path.is_file())
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (largest + 1000, before[1]))
    return before


async def test_a_server_whose_disk_is_full_ends_by_itself_and_loses_nothing(
    server: EmbeddedServer, system: System
) -> None:
    fill_disk(server)
    # It syncs before each reply: what it cannot write it must not have done, so it ends
    assert await asyncio.to_thread(server.wait) == 1
    await system.not_ready("redis")
    await lasts(system)
    await start(server)

    await goes_on(system)


async def test_a_server_that_syncs_once_a_second_refuses_while_its_disk_is_full(
    server: EmbeddedServer, client: redis.Redis, system: System
) -> None:
    client.config_set("appendfsync", "everysec")
    before = fill_disk(server)
    await system.not_ready("redis")
    assert {probe.words["redis"] for probe in system.probes} == {"it cannot write to its disk"}
    await lasts(system)
    assert server.pid is not None
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)

    await goes_on(system)


async def test_a_blob_store_whose_disk_is_full(disk: Disk, system: System) -> None:
    disk.fill()
    await system.not_ready("blobs", "gateway")
    await lasts(system)
    assert [probe.status for probe in system.probes] == [503, 200, 200]
    disk.free()

    await goes_on(system)


async def test_a_server_that_may_only_be_read(client: redis.Redis, system: System) -> None:
    client.replicaof("127.0.0.1", "1")  # where no primary is
    await system.not_ready("redis")
    words = {probe.words["redis"] for probe in system.probes}
    assert words == {"it is a replica, which may only be read"}
    await lasts(system)
    client.replicaof("NO", "ONE")

    await goes_on(system)
