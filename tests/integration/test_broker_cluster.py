"""Our broker, the services' connections and a gateway, where a URL names a node of a cluster."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from aiohttp import ClientSession

from shared import keys
from shared.broker import RedisStreamsBroker
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, closing, connect
from tests.support.broker import QUEUE, Fetching, consuming, message
from tests.support.clients import PHOTOS, get, upload
from tests.support.cluster import Cluster, cluster
from tests.support.processes import ROOT, ServiceProcess
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

CAT = PHOTOS / "cat.jpg"


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Cluster]:
    with cluster() as two_nodes:
        yield two_nodes


@pytest.fixture
def broker(two_nodes: Cluster) -> Iterator[RedisStreamsBroker]:
    broker = RedisStreamsBroker(url=two_nodes.url, namespace=keys.SHARD, middleware=[])
    broker.declare_queue(QUEUE)
    yield broker
    broker.close()


async def test_connections_follow_the_slot_to_another_node(
    two_nodes: Cluster, broker: RedisStreamsBroker
) -> None:
    async with closing(connect(two_nodes.url)) as client:
        with consuming(broker, timeout_ms=60_000) as consumer:
            await client.set(keys.stages(), "1")
            fetching = Fetching(consumer)
            # When the slot goes to the other node
            owner = two_nodes.move(keys.SHARD)
            # I expect everything to go on there
            assert await client.get(keys.stages()) == b"1"
            sent = broker.enqueue(message("x"))
            held = fetching.result()
            assert held == sent
            consumer.ack(held)
            broker.join(QUEUE, timeout=20_000)

        with redis.Redis.from_url(two_nodes.nodes[owner].url) as there:
            assert there.exists(keys.stages()) == 1


async def test_a_gateway_takes_photos_and_goes_on_once_the_slot_has_moved(
    two_nodes: Cluster, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": two_nodes.url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
    with ServiceProcess("gateway", environment) as gateway:
        gateway.wait_ready()
        for _ in range(2):
            status, photo = await upload(gateway.url, CAT)
            assert status == 202
            two_nodes.move(keys.SHARD)
            for path in (f"photos/{photo['id']}", "photos?tag=cat&q=c", "tags", "stats", "queues"):
                # Each connection finds out by itself, and some requests are told to come again.
                await wait_until(partial(is_there, f"{gateway.url}/api/{path}"))
            async with ClientSession() as session:
                photo_url = f"{gateway.url}/api/photos/{photo['id']}"
                tags = {"tags": ["cat"]}
                assert (await session.put(f"{photo_url}/tags", json=tags)).status == 200
                assert (await session.delete(photo_url)).status == 204


@pytest.mark.parametrize("name", ["gateway", "tagger", "notifier"])
async def test_the_users_of_the_services_may_ask_for_their_node(
    two_nodes: Cluster, name: str
) -> None:
    lines = (ROOT / "deploy" / "users.acl").read_text().splitlines()
    [rules] = [line.split()[2:] for line in lines if line.startswith(f"user {name} ")]
    for node in two_nodes.nodes:
        with redis.Redis.from_url(node.url) as client:
            client.execute_command("ACL", "SETUSER", name, *rules, "on", ">secret")

    async with closing(connect(two_nodes.url.replace("//", f"//{name}:secret@"))) as client:
        assert await client.ping()


async def is_there(url: str) -> bool:
    status, answer = await get(url)
    assert status == 200 or (status, answer["code"]) == (503, "unavailable")
    return status == 200


async def test_without_a_node_services_are_unavailable() -> None:
    async with closing(connect("redis+cluster://127.0.0.1:1,127.0.0.1:2")) as client:
        with pytest.raises(UnavailableError), away_is_unavailable():
            await client.ping()


def test_a_namespace_without_a_hash_tag_is_no_one_nodes() -> None:
    with pytest.raises(ValueError, match="needs a namespace with a hash tag"):
        RedisStreamsBroker(url="redis+cluster://h:1", namespace="photos", middleware=[])
