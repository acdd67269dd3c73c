"""Services that are told to stop, and what a notifier says of itself while it runs."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import orjson

from services.notifier.limits import Timing
from shared import keys
from shared.presence import Presence
from tests.support.api import picture
from tests.support.notifier import connect, database, notifier
from tests.support.processes import ServiceProcess
from tests.support.requests import FORM, form, part, request
from tests.support.socketio_packets import hear, websocket
from tests.support.waiting import wait_until

SOCKETS = 20


async def test_told_to_stop_it_sends_everybody_elsewhere_and_exits_with_0(redis_url: str) -> None:
    with ServiceProcess("notifier", {"REDIS_URL": redis_url}) as service:
        service.wait_ready()
        async with aiohttp.ClientSession() as web, web.get(f"{service.url}/sse") as events:

            async def until_closed() -> int | None:
                async with connect(service.url, web) as socket:
                    opened.release()
                    return await socket.close_code()

            opened = asyncio.Semaphore(0)
            waiting = [asyncio.create_task(until_closed()) for _ in range(SOCKETS)]
            for _ in range(SOCKETS):
                await opened.acquire()
            code = await asyncio.to_thread(service.terminate, timeout_s=10)
            codes = await asyncio.gather(*waiting)
            rest = await events.content.read()
        output = service.output

    assert code == 0
    assert codes == [1001] * SOCKETS
    assert b'event: close\ndata: {"code":1001,"comeBack":true}' in rest
    assert output.index("service_draining") < output.index("service_stopped")


async def test_told_to_stop_it_closes_socketio_clients_that_are_not_connected_too(
    redis_url: str,
) -> None:
    with ServiceProcess("notifier", {"REDIS_URL": redis_url, "TAGLINE_GRACE_S": "60"}) as service:
        url = service.wait_ready().url
        async with websocket(url) as waiting, websocket(url) as left:
            await hear(waiting)
            await hear(left)
            await left.send_str("40")
            await hear(left)
            await left.send_str("41")
            stopping = asyncio.to_thread(service.terminate, timeout_s=30)
            code, *_ = await asyncio.gather(stopping, waiting.receive(), left.receive())
            assert [waiting.close_code, left.close_code] == [1001, 1001]
    assert code == 0


async def test_what_it_logs_names_no_socket_id(redis_url: str) -> None:
    with ServiceProcess("notifier", {"REDIS_URL": redis_url}) as service:
        service.wait_ready()
        async with aiohttp.ClientSession() as web:
            async with connect(service.url, web) as socket:
                query = {"socketId": socket.socket_id, "lastEventId": socket.position}
                async with connect(service.url, web, **query):
                    assert await socket.close_code() == 4001
            async with web.get(f"{service.url}/sse", params={**query, "lastEventId": "x"}):
                pass
        assert service.terminate() == 0
        assert socket.socket_id.partition("-")[2] not in service.output


async def test_it_reports_how_many_sockets_it_holds_until_it_stops(redis_url: str) -> None:
    async with database(redis_url) as redis:

        async def counts() -> list[dict[str, int]]:
            reports = await redis.hgetall(keys.sockets())
            return [orjson.loads(report) for report in reports.values()]

        async def one_socket() -> bool:
            return (await Presence(redis).connected())["websocket"] == 1

        async with (
            notifier(redis_url, timing=Timing(report_every_s=0.05)) as url,
            aiohttp.ClientSession() as web,
            connect(url, web),
        ):
            await wait_until(one_socket, what="it is reported")
            [report] = await counts()
            assert set(report) == {"at_ms", "websocket", "socketio", "sse"}
            assert report["websocket"] == 1
        assert await counts() == []


async def test_a_notifier_that_has_died_is_not_counted_for_long(redis_url: str) -> None:
    async with database(redis_url) as redis:
        presence = Presence(redis)
        await presence.report("alive", {"websocket": 2, "sse": 1})
        seconds, _ = await redis.time()
        stale = {"at_ms": (seconds - 21) * 1000, "websocket": 5, "socketio": 5, "sse": 5}
        await redis.hset(keys.sockets(), "dead", orjson.dumps(stale))

        assert await presence.connected() == {"websocket": 2, "socketio": 0, "sse": 1}
        assert await redis.hkeys(keys.sockets()) == [b"alive"]


async def test_an_upload_that_is_half_there_as_its_gateway_is_told_to_stop_is_taken(
    redis_url: str, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
    whole = request(b"POST /api/photos/upload HTTP/1.1", form(part(picture(1))), FORM)
    with ServiceProcess("gateway", environment) as gateway:
        gateway.wait_ready()
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(whole[:-100])
        await wait_until(lambda: under_way(gateway.url), what="it is under way")
        gateway.signal(signal.SIGTERM)
        await wait_until(lambda: "service_draining" in gateway.output)
        writer.write(whole[-100:])
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        await wait_until(lambda: gateway.returncode is not None)

    assert answer.startswith(b"HTTP/1.1 202")
    assert gateway.returncode == 0


async def under_way(url: str) -> bool:
    async with aiohttp.ClientSession() as web, web.get(f"{url}/metrics") as answer:
        return "tagline_uploads_under_way 1.0" in await answer.text()
