"""Many slow connections of each kind: all are ended, and an honest client hardly notices."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.notifier.limits import Timing
from services.tagger.app import serving_health
from services.tagger.settings import TaggerSettings
from shared.blobs import open_store
from tests.support.clients import PHOTOS, get, upload
from tests.support.notifier import notifier
from tests.support.pictures.made import encoded, scene
from tests.support.processes import ServiceProcess, free_port
from tests.support.slow import Slow, silent, slow_body, slow_head, stopped_reader
from tests.support.waiting import wait_until

CONNECTIONS = int(os.environ.get("TAGLINE_TEST_SLOW_CONNECTIONS", "8"))
PATIENCE_S = float(os.environ.get("TAGLINE_TEST_SLOW_PATIENCE_S", "2"))
"""Of each kind, and how long they are waited for; `make chaos` sets more of both."""

BEFORE = 30
"""How many honest uploads are timed before the others come."""

LONG_BYTES = 8_000_000


@pytest.fixture
def gateway(redis_url: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_BODY_TIMEOUT_S": str(PATIENCE_S),
        "TAGLINE_IDLE_TIMEOUT_S": str(PATIENCE_S),
    }
    with ServiceProcess("gateway", environment) as gateway:
        yield gateway.wait_ready()


async def all_ended(slow: Slow, port: int) -> list[bytes]:
    async with asyncio.timeout(60 + 4 * PATIENCE_S):
        return await asyncio.gather(*(slow(port) for _ in range(CONNECTIONS)))


@pytest.mark.parametrize("kind", ["silent", "head", "body", "reader"])
async def test_the_gateway_ends_them_and_serves_others(
    gateway: ServiceProcess, tmp_path: Path, kind: str
) -> None:
    status, photo = await upload(gateway.url, tmp_long(tmp_path))
    assert status == 202
    slow = {
        "silent": silent,
        "head": slow_head,
        "body": slow_body("/api/photos/upload"),
        "reader": stopped_reader(f"/api/photos/{photo['id']}/file"),
    }[kind]
    before_s = [await timed_upload(gateway.url) for _ in range(BEFORE if CONNECTIONS > 99 else 2)]
    ending = asyncio.create_task(all_ended(slow, gateway.port))
    during_s = []
    while not ending.done():
        during_s.append(await timed_upload(gateway.url))
    answers = await ending
    during_s.append(await timed_upload(gateway.url))

    print(  # noqa: T201  # the numbers, for whoever runs it at full length
        f"{CONNECTIONS} {kind}: an upload's p95 {p95_ms(before_s):.1f} ms alone,"
        f" {p95_ms(during_s):.1f} ms of {len(during_s)} beside them"
    )
    if kind == "body":
        # Who goes on sending after the end may lose the answer with the connection.
        assert {answer[:12] for answer in answers} - {b""} == {b"HTTP/1.1 408"}
    files = [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()]
    assert len(files) == 1 + len(before_s) + len(during_s)
    await wait_until(lambda: is_free(gateway), what="nobody uploads any more")


async def test_the_notifier_ends_them(redis_url: str) -> None:
    timing = Timing(connect_within_s=PATIENCE_S)
    async with notifier(redis_url, timing=timing, idle_s=PATIENCE_S) as url:
        port = int(url.rpartition(":")[2])
        for slow in (silent, slow_head, slow_body("/sse"), slow_body("/ws")):
            await all_ended(slow, port)
        status, _ = await get(f"{url}/readyz")

    assert status == 200


async def test_a_polling_clients_body_that_drips_ends_its_session(redis_url: str) -> None:
    timing = Timing(connect_within_s=PATIENCE_S)
    async with notifier(redis_url, timing=timing, idle_s=PATIENCE_S) as url:
        port = int(url.rpartition(":")[2])
        opened = await text_of(f"{url}/socket.io/?EIO=4&transport=polling")
        sid = opened.partition('"sid":"')[2].partition('"')[0]
        path = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        async with asyncio.timeout(60):
            await slow_body(path, "text/plain")(port)
        again = await text_of(url + path)

    assert "Session ID unknown" in again


async def test_the_taggers_port_ends_them(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    given: dict[str, Any] = {"REDIS_URL": redis_url, "TAGLINE_TAGGER_PORT": port}
    blobs = open_store(tmp_path.as_uri())
    async with serving_health(TaggerSettings(**given), blobs, idle_s=PATIENCE_S):
        for slow in (silent, slow_head, slow_body("/metrics")):
            await all_ended(slow, port)


async def timed_upload(url: str) -> float:
    started = time.perf_counter()
    status, _ = await upload(url, PHOTOS / "cat.jpg")
    assert status == 202
    return time.perf_counter() - started


async def text_of(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


async def is_free(gateway: ServiceProcess) -> bool:
    return "tagline_uploads_under_way 0.0" in await text_of(f"{gateway.url}/metrics")


def p95_ms(waited_s: list[float]) -> float:
    return sorted(waited_s)[int(len(waited_s) * 0.95)] * 1000


def tmp_long(folder: Path) -> Path:
    """A photo that is longer than what the kernels hold of it."""
    path = folder / "long.png"
    path.write_bytes(encoded(scene(), "PNG") + bytes(LONG_BYTES))
    return path
