"""Engine.IO 4 and Socket.IO 5, packet by packet, with no client library in between."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import pytest
from prometheus_client import REGISTRY

from services.notifier.limits import Timing
from tests.support.notifier import connect, database, notifier, tell
from tests.support.socketio_packets import PATH, Polling, hear, polling, websocket


async def test_a_websocket_shakes_hands_connects_and_hears_events(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis, websocket(url) as socket:
        handshake = await hear(socket)
        await socket.send_str("40")
        connected = await hear(socket)
        socket_id = orjson.loads(connected[2:])["sid"]
        await tell(redis, socket_id, {"photoId": 1})

        assert handshake[0] == "0"
        opened = orjson.loads(handshake[1:])
        assert opened.pop("sid") != socket_id
        assert opened == {
            "upgrades": [], "pingInterval": 20000, "pingTimeout": 10000, "maxPayload": 16384,
        }  # fmt: skip
        assert connected == '40{"sid":"%s"}' % socket_id  # noqa: UP031  # it ends as JSON does
        # I expect no acknowledgement to be asked for: no number between 42 and [
        assert await hear(socket) == '42["photo:progress",{"photoId":1}]'


async def test_a_poll_waits_for_events_and_carries_several(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis, polling(url) as client:
        assert client.handshake["upgrades"] == ["websocket"]
        assert await client.post("40") == 200
        [connected] = await client.get()
        socket_id = orjson.loads(connected[2:])["sid"]
        waiting = asyncio.create_task(client.get())
        await tell(redis, socket_id, 1)
        assert await waiting == ['42["photo:progress",1]']
        await tell(redis, socket_id, 2)
        await tell(redis, socket_id, 3)
        heard: list[str] = []
        while len(heard) < 2:
            heard += await client.get()
        assert heard == ['42["photo:progress",2]', '42["photo:progress",3]']


async def test_a_handshake_that_fails_bars_no_later_upgrade(redis_url: str) -> None:
    async with (
        notifier(redis_url) as url, polling(url) as client, aiohttp.ClientSession() as web,
    ):  # fmt: skip
        query = {**client.query, "transport": "websocket"}
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}  # and no key
        async with web.get(url + PATH, params=query, headers=headers) as refused:
            assert refused.status == 400
        async with websocket(url, sid=client.handshake["sid"]) as socket:
            await socket.send_str("2probe")
            assert await hear(socket) == "3probe"


async def test_a_polling_client_moves_to_a_websocket_and_loses_nothing(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis, polling(url) as client:
        await client.post("40")
        [connected] = await client.get()
        socket_id = orjson.loads(connected[2:])["sid"]
        waiting = asyncio.create_task(client.get())
        async with websocket(url, sid=client.handshake["sid"]) as socket:
            await socket.send_str("2probe")
            assert await hear(socket) == "3probe"
            assert await waiting == ["6"]  # the poll ends, so that the client can move
            assert await client.get() == ["6"]
            await tell(redis, socket_id, "while it moves")
            await socket.send_str("5")
            assert await hear(socket) == '42["photo:progress","while it moves"]'
            await tell(redis, socket_id, "after")
            assert await hear(socket) == '42["photo:progress","after"]'
            # I expect polling to be over
            assert await client.post("3") == 400


async def test_a_probe_that_is_none_leaves_the_client_polling(redis_url: str) -> None:
    async with notifier(redis_url) as url, polling(url) as client:
        async with websocket(url, sid=client.handshake["sid"]) as socket:
            await socket.send_str("40")
            await socket.receive()
            assert socket.close_code == 1002
        assert await client.post("40") == 200
        assert (await client.get())[0].startswith("40{")


async def test_the_server_pings_and_ends_who_does_not_answer(redis_url: str) -> None:
    timing = Timing(ping_every_s=0.2, pong_within_s=2)
    async with notifier(redis_url, timing=timing) as url, websocket(url) as socket:
        await hear(socket)
        await socket.send_str("40")
        pings = 0
        while pings < 3:
            # On a slow machine the first comes before what `40` is answered
            if await hear(socket) == "2":
                pings += 1
                await socket.send_str("3")
        while await hear(socket) != "2":
            pass
        async with asyncio.timeout(20):
            assert (await socket.receive()).type in {
                aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR,
            }  # fmt: skip


async def test_a_close_packet_ends_the_session(redis_url: str) -> None:
    async with notifier(redis_url) as url, polling(url) as client:
        assert await client.post("1") == 200
        assert await client.post("3") == 400


async def test_two_polls_at_once_end_the_session(redis_url: str) -> None:
    async with notifier(redis_url) as url, polling(url) as client:
        answers = await asyncio.gather(client.get(), client.get(), return_exceptions=True)
        assert sum(isinstance(answer, AssertionError) for answer in answers) == 1
        assert ["1"] in answers
        assert await client.post("3") == 400


async def test_a_poll_that_was_repeated_on_the_way_ends_the_session(redis_url: str) -> None:
    async with notifier(redis_url) as url, polling(url) as client:
        await client.post("40")
        # Given that this answer is lost, and a browser sends its request again by itself
        await client.get(t="first")
        with pytest.raises(AssertionError, match="Bad request"):
            await client.get(t="first")
        with pytest.raises(AssertionError, match="Session ID unknown"):
            await client.get(t="second")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"transport": "pigeon", "EIO": "4"}, 0),
        ({"transport": "polling", "EIO": "4", "sid": "unknown"}, 1),
        ({"transport": "polling", "EIO": "3"}, 5),
        ({"transport": "websocket", "EIO": "4"}, 3),
    ],
)
async def test_requests_that_make_no_sense_get_the_protocols_error(
    redis_url: str, query: dict[str, str], code: int
) -> None:
    async with (
        notifier(redis_url) as url, aiohttp.ClientSession() as web,
        web.get(url + PATH, params=query) as response,
    ):  # fmt: skip
        assert response.status == 400
        assert orjson.loads(await response.read())["code"] == code


async def test_packets_that_are_too_large_or_too_many_end_the_session(redis_url: str) -> None:
    async with notifier(redis_url) as url:
        async with polling(url) as client:
            assert await client.post("4" + "x" * 20_000) == 413
            assert await client.post("3") == 400
        async with polling(url) as client:
            await client.post("40")
            assert await client.post(*["3"] * 60) == 200
            assert (await client.get())[-1] == "1"


async def test_another_namespace_is_refused_and_nobody_answers_events(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis, websocket(url) as socket:
        await hear(socket)
        await socket.send_str("40/admin,")
        assert await hear(socket) == '44/admin,{"message":"Invalid namespace"}'
        await socket.send_str("40")
        socket_id = orjson.loads((await hear(socket))[2:])["sid"]
        # If the client asks for an acknowledgement, I expect none
        await socket.send_str('427["hello",1]')
        await tell(redis, socket_id, 1)
        assert await hear(socket) == '42["photo:progress",1]'


async def test_a_client_may_disconnect_and_connect_again_on_the_same_session(
    redis_url: str,
) -> None:
    async with notifier(redis_url) as url, websocket(url) as socket:
        await hear(socket)
        ids = set()
        for _ in range(2):
            await socket.send_str("40")
            ids.add(orjson.loads((await hear(socket))[2:])["sid"])
            await socket.send_str("41")
        assert len(ids) == 2


async def test_a_client_that_asks_gets_ids_and_resumes(redis_url: str) -> None:
    async with notifier(redis_url) as url, database(redis_url) as redis:
        async with websocket(url) as socket:
            await hear(socket)
            await socket.send_str('40{"resume":true}')
            socket_id = orjson.loads((await hear(socket))[2:])["sid"]
            [name, data, position] = orjson.loads((await hear(socket))[2:])
            assert [name, data] == ["connected", {"socketId": socket_id, "resumed": False}]
        event_id = await tell(redis, socket_id, "missed")
        auth = {"resume": True, "socketId": socket_id, "lastEventId": position}
        async with polling(url) as client:
            await client.post("40" + orjson.dumps(auth).decode())
            heard: list[str] = []
            while len(heard) < 3:
                heard += await client.get()
    assert heard == [
        f'40{{"sid":"{socket_id}"}}',
        f'42["connected",{{"socketId":"{socket_id}","resumed":true}},"{position}"]',
        f'42["photo:progress","missed","{event_id}"]',
    ]


async def test_a_bad_resume_is_refused_with_its_code(redis_url: str) -> None:
    async with notifier(redis_url) as url, websocket(url) as socket:
        await hear(socket)
        await socket.send_str('40{"resume":true,"socketId":"x","lastEventId":"1-0"}')
        refusal = await hear(socket)
        assert refusal.startswith("44{")
        assert orjson.loads(refusal[2:])["data"] == {"code": 4400}


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_who_is_taken_over_is_disconnected_and_so_stays_away(
    redis_url: str, transport: str
) -> None:
    async with notifier(redis_url) as url, aiohttp.ClientSession() as web:
        opened = websocket(url) if transport == "websocket" else polling(url)
        async with opened as client:
            if isinstance(client, Polling):
                await client.post('40{"resume":true}')
                heard: list[str] = []
                while len(heard) < 2:
                    heard += await client.get()
            else:
                await hear(client)
                await client.send_str('40{"resume":true}')
                heard = [await hear(client), await hear(client)]
            [_, connected, position] = orjson.loads(heard[1][2:])
            query = {"socketId": connected["socketId"], "lastEventId": position}
            async with connect(url, web, **query):
                if isinstance(client, Polling):
                    assert await client.get() == ["41", "1"]
                else:
                    assert await hear(client) == "41"
                    await client.receive()
                    assert client.close_code == 4001


async def test_who_leaves_is_not_counted_among_those_that_were_cut_off(redis_url: str) -> None:
    before = REGISTRY.get_sample_value("tagline_cut_offs_total")
    async with notifier(redis_url) as url, websocket(url) as socket:
        await hear(socket)
        await socket.send_str("40")
        await hear(socket)
    assert REGISTRY.get_sample_value("tagline_cut_offs_total") == before


async def test_an_unreadable_packet_ends_the_session(redis_url: str) -> None:
    async with notifier(redis_url) as url, polling(url) as client:
        assert await client.post("40{not json") == 200
        assert await client.post("3") == 400


async def test_a_client_that_never_connects_is_ended(redis_url: str) -> None:
    timing = Timing(connect_within_s=0.1)
    async with notifier(redis_url, timing=timing) as url, polling(url) as client:
        assert await client.get() == ["1"]
