"""Requests that something has happened to: none breaks the gateway, and nothing of them stays."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from pathlib import Path

import redis

from shared import keys
from tests.support.clients import PHOTOS, get, upload
from tests.support.memory import rss_mb
from tests.support.processes import ServiceProcess
from tests.support.requests import mutated, well_formed

REQUESTS = int(os.environ.get("TAGLINE_TEST_REQUESTS", "250"))
"""`make chaos` sets more."""

SEED = 8
AT_A_TIME = 32
GROWTH_MB = 25
"""What memory may be larger by at the end than after a fifth of them."""

STATUS = re.compile(rb"^HTTP/\d\.\d (\d{3}) ")


async def test_no_request_breaks_the_gateway_and_nothing_of_them_stays(
    redis_url: str, tmp_path: Path
) -> None:
    blobs = tmp_path / "blobs"
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_BODY_TIMEOUT_S": "1",
        "TAGLINE_IDLE_TIMEOUT_S": "1",
    }
    statuses: Counter[int] = Counter()
    with ServiceProcess("gateway", environment) as gateway:
        gateway.wait_ready()
        await upload(gateway.url, PHOTOS / "cat.jpg")
        for raw in well_formed():
            answer = await answer_to(gateway, raw)
            assert STATUS.match(answer), (raw[:200], answer)
        odd = iter(mutated(REQUESTS, SEED))
        turns = asyncio.Semaphore(AT_A_TIME)
        warm_mb = 0.0
        for sent in range(0, REQUESTS, max(AT_A_TIME, REQUESTS // 5)):
            if sent:
                warm_mb = warm_mb or rss_mb(gateway.pid)
            some = [next(odd, None) for _ in range(max(AT_A_TIME, REQUESTS // 5))]
            await asyncio.gather(*(check(gateway, raw, turns, statuses) for raw in some if raw))
        grown_mb = rss_mb(gateway.pid) - warm_mb
        found, _ = await get(f"{gateway.url}/api/photos")
        status, _ = await upload(gateway.url, PHOTOS / "cat.jpg")
        with redis.Redis.from_url(redis_url) as database:
            known = {name.decode() for name in database.hkeys(keys.files())}
        output = gateway.output

    print(f"{REQUESTS} requests: {dict(statuses)}, grown by {grown_mb:.1f} MB")  # noqa: T201
    assert (found, status) == (200, 202)
    assert {path.name for path in (blobs / "originals").rglob("*") if path.is_file()} == known
    assert [line for line in output.splitlines() if "Traceback" in line or "Warning" in line] == []
    assert grown_mb < GROWTH_MB


async def check(
    gateway: ServiceProcess, raw: bytes, turns: asyncio.Semaphore, statuses: Counter[int]
) -> None:
    """Send it; whatever is answered, if anything, is no fault of the gateway's."""
    async with turns:
        answer = await answer_to(gateway, raw)
    found = STATUS.match(answer)
    status = int(found.group(1)) if found else 0
    statuses[status] += 1
    assert status < 500, (raw[:300], answer[:300])
    assert found or not answer, (raw[:300], answer[:300])
    if status >= 400 and not raw.startswith(b"HEAD"):
        assert b"application/problem+json" in answer, (raw[:300], answer[:500])


async def answer_to(gateway: ServiceProcess, raw: bytes) -> bytes:
    """Send `raw` and read to the end of the connection, which the gateway has to bring about."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        async with asyncio.timeout(60):
            writer.write(raw)
            return await reader.read()
    except ConnectionError:
        return b""  # it had heard enough, and said so before all was sent
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
