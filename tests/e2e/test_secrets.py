"""Secrets show up nowhere: each is a canary, and all that the services write is searched for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import redis

from tests.e2e.stack import Stack, running_stack
from tests.support.api import picture
from tests.support.clients import upload, websocket
from tests.support.openai_server import OpenAIServer, Reply, api_error
from tests.support.processes import descendants
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

API_KEY = "canary-api-key-3b1f"
PROVIDER_KEY = "sk-canary-provider-77aa"
PASSWORD = "canary-database-91c0"
STORE_SECRET = "canary-store-secret-5d2e"
SECRETS = (API_KEY, PROVIDER_KEY, PASSWORD, STORE_SECRET)
OPEN = ("/metrics", "/readyz", "/healthz")
ASKED = (
    "/api/openapi.json",
    "/api/stats",
    "/api/jobs?state=dead",
    "/api/queues",
    "/page-config.json",
)


def echoing(status: int) -> Reply:
    """A provider that repeats what it was sent, key and all."""
    body: Any = api_error(status).body
    body["error"]["message"] = f"Incorrect API key provided: {PROVIDER_KEY}"
    return Reply(status, body)


async def provoke(stack: Stack, server: OpenAIServer) -> list[str]:
    """Have things go well and wrong; return the socket IDs, which are secrets too."""
    key = API_KEY
    bearer = {"Authorization": f"Bearer {key}"}
    async with websocket(stack.notifier.url, key=key) as heard:
        watching = {**bearer, "X-Socket-Id": heard.socket_id}
        await upload(stack.gateway.url, picture(1), headers=watching)
        await heard.until("photo:complete")
        server.replies.extend([echoing(500), echoing(401)])
        await upload(stack.gateway.url, picture(2), headers=watching)
        await heard.until("photo:error")
        server.replies.append(Reply(text=f"no JSON {PROVIDER_KEY}"))
        await upload(stack.gateway.url, picture(3), headers=watching)
        await heard.until("photo:retrying")
        resume = {"socketId": heard.socket_id, "lastEventId": heard.ids[0]}
        async with aiohttp.ClientSession() as web:
            for path, headers in (
                ("/api/photos", {"Authorization": f"Bearer {key}x"}),
                (f"/api/photos?limit={key}", bearer),
                (f"/api/{key}", bearer),
                ("/api/photos", {**bearer, "Cookie": f"key={key}"}),
            ):
                await (await web.get(stack.gateway.url + path, headers=headers)).read()
            for query in ({"key": f"{key}x"}, {"key": key, **resume, "lastEventId": "x"}):
                await (await web.get(f"{stack.notifier.url}/sse", params=query)).read()
        async with websocket(stack.notifier.url, key=key, **resume) as again:
            return [heard.socket_id, again.socket_id]


async def answered(stack: Stack) -> list[tuple[str, bytes]]:
    """What anybody, and the key's owner, is told."""
    found = []
    bearer = {"Authorization": f"Bearer {API_KEY}"}
    async with aiohttp.ClientSession() as web:
        for service in (stack.gateway, stack.tagger, stack.notifier):
            for path in OPEN:
                async with web.get(service.url + path) as response:
                    found.append((f"{service.name} {path}", await response.read()))
        for path in ASKED:
            async with web.get(stack.gateway.url + path, headers=bearer) as response:
                found.append((path, await response.read()))
    return found


def kept(*folders: Path) -> Iterator[tuple[str, bytes]]:
    """All files below the folders."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()


@pytest.mark.timeout(240)
async def test_no_secret_is_in_logs_answers_metrics_the_database_or_the_process_list(
    tmp_path: Path,
) -> None:
    with temporary_server(tcp=True) as database, ExitStack() as running:
        with redis.Redis.from_url(database.url) as client:
            client.execute_command(
                "ACL", "SETUSER", "tagline", "on", f">{PASSWORD}",
                "~*", "&*", "+@all",
            )  # fmt: skip
        login = f"//tagline:{PASSWORD}@"
        async with OpenAIServer(key=PROVIDER_KEY) as provider:
            settings = {
                "TAGLINE_API_KEYS": f"anna:{API_KEY}",
                "TAGLINE_PROVIDER": "openai",
                "OPENAI_API_KEY": PROVIDER_KEY,
                "OPENAI_BASE_URL": provider.url,
                "AWS_ACCESS_KEY_ID": "tagline",
                "AWS_SECRET_ACCESS_KEY": STORE_SECRET,
                "TAGLINE_LOG": "json",
            }
            url = database.url.replace("//", login)
            stack = running.enter_context(
                running_stack(url, tmp_path / "data", tmp_path / "cache", settings)
            )
            socket_ids = await provoke(stack, provider)
            listed = "\n".join(descendants(os.getpid()).values()).encode()
            told = await answered(stack)
            sizes = {each: len(each.output) for each in (stack.tagger, stack.notifier)}
            database.kill()
            told += await answered(stack)
            await wait_until(
                lambda: all(len(each.output) > size for each, size in sizes.items()), timeout_s=60
            )
            written = [(each.name, each.output.encode()) for each in (stack.gateway, *sizes)]

    searched = [
        ("process list", listed), *told, *written,
        *kept(tmp_path / "data", database.data),
    ]  # fmt: skip
    shown = [
        (secret, where)
        for secret in SECRETS
        for where, content in searched
        if secret.encode() in content
    ]
    # Who has a socket ID hears what happens to its photos. The database has to know them.
    shown += [
        (socket_id, where)
        for socket_id in socket_ids
        for where, content in [*told, *written]
        if socket_id.partition("-")[2].encode() in content
    ]

    assert len(searched) > 20
    assert shown == []
