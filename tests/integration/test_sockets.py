"""What a notifier asks of those who connect, and what it does to those who ask too much."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from services.notifier.hub import Hub
from services.notifier.limits import Timing
from services.notifier.session import Session
from shared import keys
from tests.support.notifier import connect, database, notifier, tell
from tests.support.waiting import wait_until

UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ROUTES = ["/ws", "/sse", "/socket.io/?EIO=4&transport=polling"]
FOREIGN = {"Origin": "https://elsewhere.example"}


@pytest.mark.parametrize("route", ROUTES)
async def test_a_foreign_origin_and_a_missing_key_stay_outside(redis_url: str, route: str) -> None:
    settings: dict[str, Any] = {
        "TAGLINE_API_KEYS": "me:secret",
        "TAGLINE_ALLOWED_ORIGINS": "https://page.example",
    }
    async with notifier(redis_url, **settings) as url, aiohttp.ClientSession() as web:
        for headers, status in (
            (FOREIGN, 403),
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Origin": "https://page.example"}, 401),
        ):
            async with web.get(url + route, headers=headers) as response:
                assert response.status == status
                assert ("Access-Control-Allow-Origin" in response.headers) == (
                    headers.get("Origin") == "https://page.example"
                )
                assert response.headers.getall("Vary") == ["Origin"]
        sign = "&" if "?" in route else "?"
        async with web.get(f"{url}{route}{sign}key=secret") as response:
            assert response.status == (400 if route == "/ws" else 200)  # no upgrade was asked for


async def test_a_preflight_from_an_allowed_origin_is_answered(redis_url: str) -> None:
    asking = {"Access-Control-Request-Method": "POST", "Origin": "https://page.example"}
    async with (
        notifier(redis_url, TAGLINE_ALLOWED_ORIGINS="https://page.example") as url,
        aiohttp.ClientSession() as web,
        web.options(f"{url}/socket.io/", headers=asking) as response,
    ):
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == "https://page.example"


async def test_sockets_are_counted_in_all_and_by_key(redis_url: str) -> None:
    settings: dict[str, Any] = {
        "TAGLINE_API_KEYS": "me:mine,you:yours",
        "TAGLINE_MAX_SOCKETS": "3",
        "TAGLINE_MAX_SOCKETS_PER_KEY": "2",
    }
    async with notifier(redis_url, **settings) as url, aiohttp.ClientSession() as web:
        async with connect(url, web, key="mine"), connect(url, web, key="mine"):
            async with web.get(f"{url}/sse", params={"key": "mine"}) as response:
                assert response.status == 429
                assert int(response.headers["Retry-After"]) > 0
            async with (
                connect(url, web, key="yours"),
                web.get(f"{url}/sse", params={"key": "yours"}) as response,
            ):
                assert response.status == 503
                assert int(response.headers["Retry-After"]) > 0

        async def has_room() -> bool:
            async with web.get(f"{url}/sse", params={"key": "mine"}) as response:
                return response.status == 200

        await wait_until(has_room, what="the places are free again")


async def test_who_comes_too_fast_is_told_to_come_back_one_after_the_other(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url, TAGLINE_CONNECTS_PER_S="2") as url, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        answers = []
        for _ in range(12):
            async with web.get(f"{url}/sse") as response:
                answers.append((response.status, response.headers.get("Retry-After")))
    refused = [int(after or 0) for status, after in answers if status == 503]

    assert answers[0][0] == 200
    assert len(refused) >= 8
    assert refused == sorted(refused)
    assert refused[-1] >= 4


async def test_no_compression_is_agreed_on(redis_url: str) -> None:
    async with notifier(redis_url) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPGRADE.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert head.startswith(b"HTTP/1.1 101")
    assert b"Extensions" not in head


async def test_a_connection_that_never_asks_for_anything_is_ended(redis_url: str) -> None:
    async with notifier(redis_url, idle_s=0.2) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPGRADE[:60].encode())
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()


async def test_a_client_that_answers_no_ping_is_gone(redis_url: str) -> None:
    timing = Timing(ping_every_s=0.2)
    async with notifier(redis_url, timing=timing) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPGRADE.encode())
        async with asyncio.timeout(20):
            heard = await reader.read()
        writer.close()

    assert b"\x89\x00" in heard


async def test_a_client_that_answers_pings_stays(redis_url: str) -> None:
    async with (
        notifier(redis_url, timing=Timing(ping_every_s=1)) as url,
        database(redis_url) as redis, aiohttp.ClientSession() as web, connect(url, web) as socket,
    ):  # fmt: skip
        hearing = asyncio.create_task(socket.hear_data(1))
        await asyncio.sleep(2)  # longer than a silent one is given
        await tell(redis, socket.socket_id, "still here")
        assert await hearing == ["still here"]


async def test_a_frame_that_is_too_large_closes_the_socket(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, aiohttp.ClientSession() as web, connect(url, web) as socket,
    ):  # fmt: skip
        await socket.socket.send_str("x" * 16_384)
        await socket.socket.send_str("x" * 16_385)
        assert await socket.close_code() == 1009


async def test_more_frames_than_a_client_has_reason_to_send_close_the_socket(
    redis_url: str,
) -> None:
    async with (
        notifier(redis_url) as url, aiohttp.ClientSession() as web, connect(url, web) as socket,
    ):  # fmt: skip
        for number in range(60):
            await socket.socket.send_str(str(number))
        assert await socket.close_code() == 4429


async def test_a_session_that_is_not_begun_yet_as_its_client_goes_is_left_all_the_same(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, leave = Hub.begin, Hub.leave
    go_on = asyncio.Event()
    begun: list[Session] = []
    left: list[Session] = []

    async def slowly(hub: Hub, *asked: Any) -> Session:
        begun.append(await begin(hub, *asked))
        while not go_on.is_set():
            with suppress(asyncio.CancelledError):
                await go_on.wait()
        return begun[0]

    def noted(hub: Hub, session: Session) -> None:
        leave(hub, session)
        left.append(session)

    async def has_room() -> bool:
        async with web.get(f"{url}/socket.io/?EIO=4&transport=polling") as response:
            return response.status == 200

    monkeypatch.setattr(Hub, "begin", slowly)
    monkeypatch.setattr(Hub, "leave", noted)
    async with notifier(redis_url, TAGLINE_MAX_SOCKETS="1") as url, aiohttp.ClientSession() as web:
        async with connect(url, web):
            pass
        await wait_until(has_room, what="nobody waits for the session to begin any more")
        go_on.set()
        await wait_until(lambda: left == begun)


async def test_only_the_lanes_of_its_sockets_are_read(redis_url: str) -> None:
    async with (
        notifier(redis_url, TAGLINE_HOME_LANE="3") as url, database(redis_url) as redis,
        aiohttp.ClientSession() as web,
    ):  # fmt: skip

        async def followed() -> set[int]:
            """The lanes with readers that wait, told by waking them."""
            found = set()
            for lane in range(16):
                before = await reads()
                await redis.xadd(keys.lane(lane), {"socket": "", "event": "", "data": "{}"})
                await asyncio.sleep(0.02)
                if await reads() > before:
                    found.add(lane)
            return found

        async def reads() -> int:
            stats = await redis.info("commandstats")
            return int(stats.get("cmdstat_xread", {}).get("calls", 0))

        async def are_followed(lanes: set[int]) -> bool:
            return await followed() == lanes

        await wait_until(lambda: are_followed(set()))
        async with connect(url, web) as home:
            await wait_until(lambda: are_followed({3}))
            elsewhere, position = keys.new_socket_id(5), home.position
            async with connect(url, web, socketId=elsewhere, lastEventId=position):
                await wait_until(lambda: are_followed({3, 5}))
            await wait_until(lambda: are_followed({3}))
