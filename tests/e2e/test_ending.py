"""Services that are told to end while the database does not answer."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.stack import running_stack
from tests.support.api import Api, picture
from tests.support.clients import get, websocket
from tests.support.needs import missing
from tests.support.openai_server import OpenAIServer
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until


@pytest.mark.timeout(240)
async def test_they_end_by_themselves_and_leave_to_others_what_they_held(tmp_path: Path) -> None:
    with temporary_server() as server:
        async with OpenAIServer() as provider:
            provider.answering.clear()
            settings = {
                "OPENAI_API_KEY": provider.key,
                "OPENAI_BASE_URL": provider.url,
                "TAGLINE_MAX_CALLS": "2",
                "TAGLINE_GRACE_S": "1",
                "TAGLINE_CLAIM_AFTER_MS": "2000",
            }
            cache = tmp_path / "cache"
            with running_stack(server.url, tmp_path, cache, settings) as stack:
                async with websocket(stack.notifier.url):
                    for number in range(5):
                        await Api(stack.gateway.url).upload(picture(number))
                    await wait_until(lambda: provider.in_flight == 2, timeout_s=60)
                    assert server.pid is not None
                    os.kill(server.pid, signal.SIGSTOP)
                    try:
                        services = (stack.tagger, stack.gateway, stack.notifier)
                        for service in services:
                            service.signal(signal.SIGTERM)
                        await wait_until(
                            lambda: all(each.returncode is not None for each in services),
                            timeout_s=90,
                            what="all have ended",
                        )
                    finally:
                        os.kill(server.pid, signal.SIGCONT)
                assert [each.returncode for each in services] == [0, 0, 0]

            # I expect another tagger to end all photos, none of them twice
            provider.answering.set()
            with running_stack(server.url, tmp_path, cache, settings) as stack:
                api = Api(stack.gateway.url)

                async def complete() -> bool:
                    listed = await api.get("/api/photos?status=complete")
                    return len(listed.json["items"]) == 5

                await wait_until(complete, timeout_s=90)


def test_a_tagger_hears_of_its_end_by_whichever_thread_the_kernel_tells(
    redis_url: str, tmp_path: Path
) -> None:
    if sys.platform != "linux":
        missing("only Linux tells a thread of one's choice")
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": tmp_path.as_uri(),
        "TAGLINE_CACHE_DIR": str(tmp_path),
        "OPENAI_API_KEY": "sk-test",
    }
    with ServiceProcess("tagger", environment) as tagger:
        tagger.wait_ready()
        threads = [int(task.name) for task in Path(f"/proc/{tagger.pid}/task").iterdir()]
        other = next(thread for thread in threads if thread != tagger.pid)
        ctypes.CDLL(None).tgkill(tagger.pid, other, signal.SIGTERM)

        assert tagger._started().wait(60) == 0


async def test_a_tagger_that_waits_for_its_database_ends_when_it_is_told_to(
    tmp_path: Path,
) -> None:
    environment = {
        "REDIS_URL": f"unix://{tmp_path}/redis.sock",
        "TAGLINE_BLOB_URL": tmp_path.as_uri(),
        "OPENAI_API_KEY": "sk-test",
    }
    with ServiceProcess("tagger", environment) as tagger:

        async def waits() -> bool:
            try:
                _, answer = await get(f"{tagger.url}/readyz")
            except aiohttp.ClientConnectionError:
                return False
            return bool(answer["status"] == "starting")

        await wait_until(waits, timeout_s=60)
        assert tagger.terminate() == 0
