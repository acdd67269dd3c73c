"""A photo that has been seen before: nobody looks at it again, and nobody asks what is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from redis.asyncio import Redis

from shared import keys
from shared.record import rfc3339
from shared.redis import closing, connect, script
from tests.support.api import new_socket_id
from tests.support.clients import get
from tests.support.openai_server import OpenAIServer
from tests.support.openai_stack import photo, running, until_complete, uploaded

FIRST, COPY = new_socket_id(), new_socket_id()


async def heard(client: Redis) -> str:
    """Return all commands that the server has run since its log was emptied, shortened."""
    return b"\n".join(each["command"] for each in await client.slowlog_get(10_000)).decode()


async def heard_of(client: Redis, socket_id: str) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the events for a socket, in order: the server's time, ms, the name, the data."""
    lane: Any = await client.xrange(keys.lane(int(socket_id.partition("-")[0])))
    return [
        (int(entry_id.partition(b"-")[0]), fields[b"event"].decode(), orjson.loads(fields[b"data"]))
        for entry_id, fields in lane
        if fields[b"socket"] == socket_id.encode()
    ]


async def metrics(url: str) -> str:
    async with aiohttp.ClientSession() as web, web.get(f"{url}/metrics") as answer:
        return await answer.text()


async def test_a_copy_is_complete_by_what_its_claim_brings(redis_url: str, tmp_path: Path) -> None:
    async with OpenAIServer() as openai, closing(connect(redis_url)) as client:
        with running(redis_url, tmp_path, openai, 1) as (gateway, [tagger]):
            first = await uploaded(gateway, [photo(1)], X_Socket_Id=FIRST)
            await until_complete(gateway, first, timeout_s=60)
            begun = {data.get("stage"): at_ms for at_ms, _, data in await heard_of(client, FIRST)}
            _, ended = await get(f"{gateway.url}/api/photos/{first[0]}")
            before: Any = await client.config_get("slowlog-*")
            await client.config_set("slowlog-max-len", 10_000)
            await client.config_set("slowlog-log-slower-than", 0)
            try:
                await client.slowlog_reset()
                copy = await uploaded(gateway, [photo(1)], X_Socket_Id=COPY)
                await until_complete(gateway, copy, timeout_s=60)
                commands = await heard(client)
            finally:
                for name, value in before.items():
                    await client.config_set(name, value)
            counted = await metrics(tagger.url)
            told = await heard_of(client, COPY)
            _, found = await get(f"{gateway.url}/api/photos/{copy[0]}")

    # Its time by the server's clock is not before what was told.
    assert ended["updatedAt"] >= rfc3339(begun["saving"])
    assert [data.get("progress") for _, _, data in told] == [10, 30, 70, 100, None]
    assert told[-1][1:] == ("photo:complete", {**told[-1][2], "photo": found})
    assert all(script(client, name).sha in commands for name in ("claim", "finish"))
    for name in ("step", "cache_ask", "name_tags"):
        assert script(client, name).sha not in commands
    assert 'tagline_facts_lookups_total{result="hit"} 1.0' in counted
    assert len(openai.calls) == 1


async def test_a_server_that_comes_anew_is_told_the_names_of_tags_again(
    redis_url: str, tmp_path: Path
) -> None:
    async with OpenAIServer() as openai, closing(connect(redis_url)) as client:
        with running(redis_url, tmp_path, openai, 1) as (gateway, [tagger]):
            await until_complete(gateway, await uploaded(gateway, [photo(1)]), timeout_s=60)
            await client.flushdb()
            [photo_id] = await uploaded(gateway, [photo(2)])
            await until_complete(gateway, [photo_id], timeout_s=60)
            _, tagged = await get(f"{gateway.url}/api/photos/{photo_id}")
            name = tagged["tags"][0]["name"]
            _, found = await get(f"{gateway.url}/api/photos?tag={quote(name)}")
            counted = await metrics(tagger.url)

    assert [each["id"] for each in found["items"]] == [photo_id]
    assert 'tagline_name_lookups_total{result="moved"} 1.0' in counted
