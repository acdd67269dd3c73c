"""A tagger that starts while the server takes no writes, or is full."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest
import redis
from pydantic import SecretStr
from structlog.testing import capture_logs

from services.tagger.app import opened_tools
from services.tagger.providers.openai import OpenAIProvider
from services.tagger.settings import TaggerSettings
from shared import keys
from shared.blobs import open_store
from tests.support.processes import ServiceProcess, descendants, is_running
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


async def test_what_a_tagger_works_with_is_opened_when_the_server_takes_writes_again(
    tmp_path: Path,
) -> None:
    with temporary_server() as server, redis.Redis.from_url(server.url) as client:
        settings = TaggerSettings(
            redis_url=server.url,
            decoders=1,
            provider="openai",
            openai_api_key=SecretStr("k"),
        )

        client.config_set("min-replicas-to-write", 1)
        async with AsyncExitStack() as opened:
            tools = opened_tools(settings, open_store(tmp_path.as_uri()))
            with capture_logs() as logs:
                opening = asyncio.create_task(opened.enter_async_context(tools))
                await wait_until(
                    lambda: (
                        opening.done() or [e for e in logs if e["event"] == "waiting_for_redis"]
                    ),
                    timeout_s=60,
                )
            client.config_set("min-replicas-to-write", 0)
            await asyncio.wait_for(opening, 60)

        assert client.exists(keys.tag_labels("fr"))


async def test_what_fails_to_close_keeps_nothing_else_open(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = OpenAIProvider.close

    async def fail(provider: OpenAIProvider) -> None:
        await close(provider)
        raise OSError("cannot be closed")

    monkeypatch.setattr(OpenAIProvider, "close", fail)
    settings = TaggerSettings(
        redis_url=redis_url, decoders=1, provider="openai", openai_api_key=SecretStr("k")
    )
    before = set(descendants(os.getpid()))
    opened = AsyncExitStack()
    await opened.enter_async_context(opened_tools(settings, open_store(tmp_path.as_uri())))
    ours = set(descendants(os.getpid())) - before
    with pytest.raises(OSError, match="cannot be closed"):
        await opened.aclose()

    assert ours
    assert not any(is_running(pid) for pid in ours)


def test_a_tagger_starts_on_a_full_server_to_work_it_empty(tmp_path: Path) -> None:
    with temporary_server() as server, redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 1000)
        environment = {
            "REDIS_URL": server.url,
            "TAGLINE_BLOB_URL": tmp_path.as_uri(),
            "TAGLINE_DECODERS": "1",
            "OPENAI_API_KEY": "k",
        }
        with ServiceProcess("tagger", environment) as tagger:
            tagger.wait_ready(timeout_s=60)

        assert client.exists(keys.stages())
