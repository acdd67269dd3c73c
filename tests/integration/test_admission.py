"""What is refused before its body is read, and bodies that do not come; on raw sockets."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest
import redis

from shared import keys
from tests.support.clients import PHOTOS, get, upload
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

CAT = PHOTOS / "cat.jpg"
PART = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'


@pytest.fixture
def blobs(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def database(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@contextmanager
def running(redis_url: str, blobs: Path, settings: Mapping[str, str]) -> Iterator[ServiceProcess]:
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": blobs.as_uri(), **settings}
    with ServiceProcess("gateway", environment) as gateway:
        yield gateway.wait_ready()


def stored(blobs: Path) -> list[Path]:
    return [path for path in blobs.rglob("*") if path.is_file()]


def header(*lines: bytes) -> bytes:
    """The header of an upload, with `lines` more."""
    first = b"POST /api/photos/upload HTTP/1.1", b"Host: here"
    form = b"Content-Type: multipart/form-data; boundary=b"
    return b"\r\n".join((*first, form, *lines, b"", b""))


@asynccontextmanager
async def connected(
    gateway: ServiceProcess,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    try:
        async with asyncio.timeout(20):
            yield reader, writer
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def answer_to(gateway: ServiceProcess, sent: bytes) -> bytes:
    """Send a part of a request, and return the status line that comes though the rest does not."""
    async with connected(gateway) as (reader, writer):
        writer.write(sent)
        return await reader.readline()


async def test_a_caller_over_the_rate_is_refused_by_every_gateway(
    redis_url: str, blobs: Path
) -> None:
    settings = {"TAGLINE_RATE_LIMIT": "2"}
    key = {"Idempotency-Key": "holiday-1"}
    with running(redis_url, blobs, settings) as one, running(redis_url, blobs, settings) as other:
        first, _ = await upload(one.url, CAT, headers=key)
        # An answer that is given again counts too, and what the caller says of itself does not.
        again, _ = await upload(other.url, CAT, headers={**key, "X-Forwarded-For": "203.0.113.9"})
        refused = [await upload(gateway.url, CAT) for gateway in (one, other)]
        seen, _ = await get(f"{one.url}/api/photos")

    assert (first, again, seen) == (202, 202, 200)
    for status, problem in refused:
        assert (status, problem["code"], problem["limit"]) == (429, "rate_limited", 2)
    assert len(stored(blobs)) == 1


async def test_the_caller_is_told_when_to_come_back_before_the_body_is_read(
    redis_url: str, blobs: Path, database: redis.Redis
) -> None:
    account = keys.rate("127.0.0.1")
    with running(redis_url, blobs, {"TAGLINE_RATE_LIMIT": "2"}) as gateway:
        # One upload is 30 s of 60: with all used up, the next is due in 30 s, also if the clock
        # was set back by an hour since
        database.set(account, str((time.time() + 3660) * 1000))
        async with connected(gateway) as (reader, writer):
            writer.write(header(b"Content-Length: 9999", b"Expect: 100-continue"))
            status = await reader.readline()
            fields = await reader.readuntil(b"\r\n\r\n")
        # With 25 s used up, it is due now
        database.set(account, str((time.time() + 25) * 1000))
        later, _ = await upload(gateway.url, CAT)

    assert status == b"HTTP/1.1 429 Too Many Requests\r\n"
    (wait_s,) = [int(line[13:]) for line in fields.splitlines() if line.startswith(b"Retry-After")]
    assert 29 <= wait_s <= 31
    assert later == 202


async def test_a_rate_of_more_than_one_in_a_millisecond_is_kept(
    redis_url: str, blobs: Path, database: redis.Redis
) -> None:
    with running(redis_url, blobs, {"TAGLINE_RATE_LIMIT": "120000"}) as gateway:
        database.set(keys.rate("127.0.0.1"), str((time.time() + 3600) * 1000))
        status, _ = await upload(gateway.url, CAT)

    assert status == 429


async def test_each_key_has_a_rate_of_its_own(redis_url: str, blobs: Path) -> None:
    settings = {"TAGLINE_RATE_LIMIT": "1", "TAGLINE_API_KEYS": "anna:s3cret-a, ben:s3cret-b"}
    with running(redis_url, blobs, settings) as gateway:
        statuses = [
            (await upload(gateway.url, CAT, headers={"Authorization": f"Bearer s3cret-{who}"}))[0]
            for who in ("a", "a", "b")
        ]
        unknown = await answer_to(gateway, header(b"Content-Length: 9999") + PART)

    assert statuses == [202, 429, 202]
    assert unknown.startswith(b"HTTP/1.1 401 ")


async def test_the_setting_of_trusted_proxies_is_used(
    redis_url: str, blobs: Path, database: redis.Redis
) -> None:
    settings = {"TAGLINE_RATE_LIMIT": "1", "TAGLINE_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"}
    with running(redis_url, blobs, settings) as gateway:
        statuses = [
            (await upload(gateway.url, CAT, headers={"X-Forwarded-For": address}))[0]
            for address in ("203.0.113.8", "203.0.113.9", "203.0.113.9")
        ]

    assert statuses == [202, 202, 429]
    assert database.exists(keys.rate("203.0.113.8"), keys.rate("203.0.113.9")) == 2


def test_a_bad_proxy_is_named_at_start(redis_url: str) -> None:
    with ServiceProcess("gateway", {"TAGLINE_TRUSTED_PROXIES": "10.0.0.1/8"}) as gateway:
        assert gateway._started().wait(20) == 2
        assert "TAGLINE_TRUSTED_PROXIES" in gateway.output
        assert gateway.output.count("\n") == 1


async def test_with_the_database_away_an_upload_is_unavailable(blobs: Path) -> None:
    with (
        temporary_server() as server,
        running(server.url, blobs, {"TAGLINE_RATE_LIMIT": "9"}) as gateway,
    ):
        server.kill()
        status, problem = await upload(gateway.url, CAT)

    assert (status, problem["code"]) == (503, "unavailable")
    assert stored(blobs) == []


async def test_refusals_come_before_the_rest_of_the_body(redis_url: str, blobs: Path) -> None:
    settings = {"TAGLINE_MAX_UPLOAD_BYTES": "100000", "TAGLINE_MAX_UPLOADS": "1"}
    # Of a multipart body, aiohttp reads one piece ahead: it shows when the next has come.
    chunk = PART + CAT.read_bytes() + bytes(1_000_000)
    with running(redis_url, blobs, settings) as gateway:
        expecting = b"Expect: 100-continue"
        announced = await answer_to(gateway, header(b"Content-Length: 99999999", expecting))
        welcome = await answer_to(gateway, header(b"Content-Length: 90000", expecting))
        await wait_until(lambda: _is_none_under_way(gateway), what="nobody is uploading")
        counted = await answer_to(
            gateway, header(b"Transfer-Encoding: chunked") + b"%x\r\n" % len(chunk) + chunk
        )
        await wait_until(lambda: _is_none_under_way(gateway), what="nobody is uploading")
        async with connected(gateway) as (_, writer):
            writer.write(header(b"Content-Length: 90000") + PART + CAT.read_bytes())
            await wait_until(lambda: _under_way(gateway), what="the first upload is under way")
            no_room = await answer_to(gateway, header(b"Content-Length: 90000"))
        await wait_until(lambda: _is_none_under_way(gateway), what="the first upload has gone")
        room, _ = await upload(gateway.url, CAT)

    assert announced.startswith(b"HTTP/1.1 413 ")
    assert welcome == b"HTTP/1.1 100 Continue\r\n"
    assert counted.startswith(b"HTTP/1.1 413 ")
    assert no_room.startswith(b"HTTP/1.1 503 ")
    assert room == 202
    assert len(stored(blobs)) == 1


async def test_a_body_that_stops_or_drips_is_answered_408_and_nothing_is_kept(
    redis_url: str, blobs: Path
) -> None:
    begun = header(b"Content-Length: 9000000") + PART + CAT.read_bytes()
    with running(redis_url, blobs, {"TAGLINE_BODY_TIMEOUT_S": "0.8"}) as gateway:

        async def stops(sent: bytes) -> bytes:
            async with connected(gateway) as (reader, writer):
                writer.write(sent)
                return await reader.read()  # to the end of the connection

        async def drips() -> bytes:
            async with connected(gateway) as (reader, writer):
                writer.write(header(b"Content-Length: 9000000") + PART)
                answer = asyncio.ensure_future(reader.read())
                while not answer.done():
                    writer.write(b"x")
                    await asyncio.wait([answer], timeout=0.1)
                return answer.result()

        answers = await asyncio.gather(
            stops(header(b"Content-Length: 9000000")),
            stops(header(b"Content-Length: 9000000") + PART[:30]),
            stops(begun),
            stops(begun + bytes(1_000_000)),  # so much that it is written as it comes
            drips(),
        )

    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"timeout"' in answer
    assert stored(blobs) == []


async def test_a_connection_without_a_whole_header_is_closed(redis_url: str, blobs: Path) -> None:
    with running(redis_url, blobs, {"TAGLINE_IDLE_TIMEOUT_S": "0.8"}) as gateway:
        for sent in (b"", header(b"Content-Length: 9")[:40]):
            assert await answer_to(gateway, sent) == b""


async def _under_way(gateway: ServiceProcess) -> bool:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{gateway.url}/metrics") as response,
    ):
        return "tagline_uploads_under_way 1.0" in await response.text()


async def _is_none_under_way(gateway: ServiceProcess) -> bool:
    return not await _under_way(gateway)
