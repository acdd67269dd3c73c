"""The client that pages are to copy: run by Node, against a real notifier and gateway."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from deploy.local.server import EmbeddedServer
from shared import keys
from tests.support.clients import PHOTOS, upload
from tests.support.notifier import notifier as running_notifier
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.web_client import WebClient, web_client
from tests.support.web_proxy import Habit, WebProxy, web_proxy

LANE = 3
KEY = "secret"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}


class Lane:
    """Writes events for a socket, as any service may, and knows what it wrote."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.written: list[str] = []

    async def write(self, socket_id: str, count: int = 20) -> str:
        """Write some events, and as many for someone else; return the last one's id."""
        for number in range(len(self.written), len(self.written) + count):
            # A line separator, for which text may be broken where it should not be.
            data = json.dumps({"number": number, "text": "prêt\u2028à\n"}, ensure_ascii=False)
            entry: Any = {"socket": socket_id, "event": "test:event", "data": data}
            entry_id: Any = await self.redis.xadd(keys.lane(LANE), entry)
            self.written.append(entry_id.decode())
            await self.redis.xadd(keys.lane(LANE), {**entry, "socket": f"{LANE}-another"})
        return self.written[-1]

    async def of(self, socket_id: str) -> list[str]:
        """Return the ids of all events of a socket, whoever wrote them."""
        entries: Any = await self.redis.xrange(keys.lane(LANE))
        return [id_.decode() for id_, fields in entries if fields[b"socket"] == socket_id.encode()]


@pytest.fixture
async def lane(redis_server: EmbeddedServer) -> AsyncIterator[Lane]:
    # As earlier tests have left it: emptied, it would be another lane for a running notifier.
    async with Redis.from_url(redis_server.url) as redis:
        yield Lane(redis)


@pytest.fixture(scope="module")
def services(
    redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The URLs of a notifier and a gateway that ask for a key."""
    environment = {
        "REDIS_URL": redis_server.url,
        "TAGLINE_API_KEYS": f"page:{KEY}",
        "TAGLINE_BLOB_URL": tmp_path_factory.mktemp("blobs").as_uri(),
        "TAGLINE_HOME_LANE": str(LANE),
    }
    with (
        ServiceProcess("notifier", environment) as notifier,
        ServiceProcess("gateway", environment) as gateway,
    ):
        yield notifier.wait_ready().url, gateway.wait_ready().url


@asynccontextmanager
async def follower(
    services: tuple[str, str], habit: Habit = Habit.OPEN, **options: Any
) -> AsyncIterator[tuple[WebProxy, WebClient]]:
    """A client that has connected through a proxy, and the proxy."""
    notifier, gateway = services
    async with web_proxy(notifier) as proxy:
        proxy.habit = habit
        async with web_client(proxy.url, gateway=gateway, key=KEY, **options) as client:
            await client.until("websocket" if habit is Habit.OPEN else "sse")
            yield proxy, client
            # A closed client leaves nothing that keeps its process running.
            client.say("close")
            assert await client.ended() == 0


async def watched(gateway: str, client: WebClient) -> dict[str, Any]:
    """Upload a photo, have `client` watch it, and return it as the gateway accepted it."""
    _, photo = await upload(gateway, PHOTOS / "cat.jpg", headers=AUTHORIZATION)
    before = len(client.snapshots())
    client.say(f"watch {photo['id']}")
    await client.until_snapshots(before + 1)
    assert client.snapshots()[-1]["reason"] == "watched"
    assert client.snapshots()[-1]["photos"][0]["id"] == photo["id"]
    return photo


async def cancel(gateway: str, photo: dict[str, Any]) -> None:
    url = f"{gateway}/api/jobs/{photo['jobId']}/cancel"
    async with aiohttp.ClientSession(headers=AUTHORIZATION) as session, session.post(url) as reply:
        assert reply.status == 202


async def test_every_event_comes_once_and_in_order_though_notifiers_die_and_listeners_throw(
    redis_server: EmbeddedServer, lane: Lane
) -> None:
    environment = {"REDIS_URL": redis_server.url, "TAGLINE_HOME_LANE": str(LANE)}
    with ServiceProcess("notifier", environment) as service:
        service.wait_ready()
        async with web_client(service.url, faulty=True) as client:
            await client.until("websocket")
            await lane.write(client.socket_id)
            # When it crashes, with events on their way
            service.kill()
            await client.until("connecting")
            await lane.write(client.socket_id)
            service.start().wait_ready()
            await lane.write(client.socket_id)
            await client.until_heard(lane.written[-1])
            # and when it is asked to end
            assert service.terminate() == 0
            await client.until("connecting")
            await lane.write(client.socket_id)
            service.start().wait_ready()
            await client.until_heard(await lane.write(client.socket_id))

    # I expect each event, for one and the same socket
    assert client.ids() == lane.written
    assert [each["data"]["number"] for each in client.events] == list(range(100))
    assert client.events[0]["data"]["text"] == "prêt\u2028à\n"
    assert set(client.socket_ids) == {client.socket_id}


async def test_one_cursor_goes_from_websocket_to_server_sent_events_to_polling_and_back(
    services: tuple[str, str], lane: Lane
) -> None:
    async with follower(services, timing={"climbMs": 200}) as (proxy, client):
        photo = await watched(services[1], client)
        # Given a network in which no WebSocket is to be had
        proxy.cut(Habit.NO_UPGRADES)
        await lane.write(client.socket_id)
        await client.until("sse")
        await client.until_heard(await lane.write(client.socket_id))
        # and then nothing but the gateway
        proxy.cut(Habit.SHUT)
        await client.until("polling")
        await cancel(services[1], photo)
        await client.until_snapshots(2)
        last = await lane.write(client.socket_id)
        # and then server-sent events again, and in the end WebSockets
        proxy.habit = Habit.NO_UPGRADES
        await client.until("sse")
        await client.until_heard(last)
        proxy.habit = Habit.OPEN
        await client.until("websocket")
        await client.until_heard(await lane.write(client.socket_id))

    # I expect each event, and in between what polling had found
    assert client.ids() == await lane.of(client.socket_id)
    assert [each["reason"] for each in client.snapshots()] == ["watched", "polled"]
    statuses = [each["photos"][0]["status"] for each in client.snapshots()]
    assert statuses == ["queued", "cancelled"]
    assert [each["event"] for each in client.events].count("photo:cancelled") == 1


@pytest.mark.parametrize(
    ("habit", "timing"),
    [
        # A WebSocket is found out by a photo that has gone on, the other one by its silence.
        (Habit.OPEN, {"quietMs": 300}),
        (Habit.NO_UPGRADES, {"silentMs": 1000}),
    ],
)
async def test_a_stream_that_is_dead_without_a_word_is_given_up(
    services: tuple[str, str], lane: Lane, habit: Habit, timing: dict[str, int]
) -> None:
    async with follower(services, habit, timing=timing) as (proxy, client):
        photo = await watched(services[1], client)
        proxy.freeze()
        await cancel(services[1], photo)
        await client.until_heard((await lane.of(client.socket_id))[-1])

    assert client.ids() == await lane.of(client.socket_id)


async def test_what_cannot_be_told_any_more_comes_as_a_snapshot(
    services: tuple[str, str], lane: Lane
) -> None:
    async with follower(services) as (proxy, client):
        photo = await watched(services[1], client)
        # When history is gone before the client comes back
        proxy.cut(Habit.SHUT)
        await client.until("polling")
        await lane.write(client.socket_id)
        await lane.redis.xtrim(keys.lane(LANE), maxlen=1, approximate=False)
        proxy.habit = Habit.OPEN
        await client.until_snapshots(2)
        await client.until_heard(await lane.write(client.socket_id, 1))

    # I expect the photo as it is, and what happens from then on
    assert client.snapshots()[1]["reason"] == "history_trimmed"
    assert client.snapshots()[1]["photos"][0]["id"] == photo["id"]
    assert client.ids() == lane.written[-1:]


async def test_a_watch_that_the_server_has_lost_is_asked_for_again(
    services: tuple[str, str], lane: Lane
) -> None:
    async with follower(services) as (proxy, client):
        photo = await watched(services[1], client)
        # When a server comes back that has lost what it knew last
        proxy.cut(Habit.SHUT)
        await client.until("polling")
        await lane.redis.hdel(keys.photo(photo["id"]), "watchers")
        await lane.redis.delete(keys.watched(client.socket_id))
        await lane.write(client.socket_id)
        await lane.redis.xtrim(keys.lane(LANE), maxlen=1, approximate=False)
        proxy.habit = Habit.OPEN
        await client.until_snapshots(3)
        await cancel(services[1], photo)
        await client.wait_until(lambda: client.events[-1]["event"] == "photo:cancelled")

    reasons = [each["reason"] for each in client.snapshots()]
    assert reasons == ["watched", "history_trimmed", "watched"]


async def test_a_client_whose_socket_means_nothing_begins_anew_and_watches_the_same(
    services: tuple[str, str], redis_server: EmbeddedServer
) -> None:
    async with follower(services) as (proxy, client):
        photo = await watched(services[1], client)
        before = client.socket_id
        # When it comes to a notifier that has no such lane
        environment = {"REDIS_URL": redis_server.url, "PROGRESS_LANES": "1"}
        with ServiceProcess("notifier", environment) as other:
            proxy.target = other.wait_ready().url
            proxy.cut(Habit.OPEN)
            await client.wait_until(lambda: client.socket_id != before)
            await client.until_snapshots(2)
            await cancel(services[1], photo)
            await client.wait_until(lambda: client.events[-1]["event"] == "photo:cancelled")
            # A photo that is not there is told of, too.
            client.say("watch 4711")
            await client.wait_until(lambda: client.snapshots()[-1]["missing"] == [4711])


async def test_it_stops_where_it_is_not_wanted_and_says_why(services: tuple[str, str]) -> None:
    async with web_client(services[0]) as keyless:
        await keyless.until("stopped")
        assert keyless.code == 401
        assert await keyless.ended() == 0
    async with web_client(services[0], key=KEY) as client:
        await client.until("websocket")
        query = {"key": KEY, "socketId": client.socket_id, "lastEventId": "1-1"}
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{services[0]}/ws", params=query),
        ):
            await client.until("stopped")
        assert client.code == 4001
        assert await client.ended() == 0


async def test_a_server_that_asks_for_time_is_given_it(services: tuple[str, str]) -> None:
    async with web_proxy(services[0]) as proxy:
        proxy.habit = Habit.BUSY
        async with web_client(proxy.url, key=KEY) as client:
            await client.wait_until(lambda: len(proxy.asked_s) == 2)
            proxy.habit = Habit.OPEN
            await client.until("websocket")

    # After a WebSocket, which is not told why, and the request that is.
    assert proxy.asked_s[2] - proxy.asked_s[1] >= 1


async def test_who_is_closed_for_a_moment_does_not_come_back_at_once() -> None:
    with temporary_server() as server:
        async with running_notifier(server.url) as url, web_proxy(url) as proxy:
            # Given a notifier that closes each new socket with 1013
            server.kill()
            async with web_client(proxy.url) as client:
                await client.wait_until(lambda: len(proxy.asked_s) == 3)
                server.start()
                await client.until("websocket")

    first, second, third = proxy.asked_s[:3]
    assert min(second - first, third - second) >= 1
