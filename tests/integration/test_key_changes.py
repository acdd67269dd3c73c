"""API keys in a file, changed while the services run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import aiohttp

from services.notifier.closing import Close
from tests.support.api import Api
from tests.support.notifier import connect, notifier
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until


async def test_a_gateway_hears_of_new_keys_by_sighup_and_of_bad_ones_keeps_what_it_had(
    redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text("anna:old\n")
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_API_KEYS_FILE": str(path),
    }
    with ServiceProcess("gateway", environment) as gateway:
        gateway.wait_ready()

        async def answers(secret: str) -> int:
            return (await Api(gateway.url, secret).get("/api/photos")).status

        uploaded = await Api(gateway.url, "old").upload()
        path.write_text("anna:old\nanna:new\n")
        os.kill(gateway.pid, signal.SIGHUP)
        await wait_until(lambda: "api_keys_reloaded" in gateway.output)
        assert [await answers("old"), await answers("new")] == [200, 200]

        # Given a slip of whoever edits it
        path.write_text("anna;newer\n")
        os.kill(gateway.pid, signal.SIGHUP)
        await wait_until(lambda: "api_keys_not_reloaded" in gateway.output)
        assert [await answers("old"), await answers("new")] == [200, 200]
        assert "newer" not in gateway.output

        # As Kubernetes changes a mounted file: another one in its place, and no signal
        (tmp_path / "next").write_text("anna:newest\nben:b\n")
        (tmp_path / "next").replace(path)
        await wait_until(lambda: gateway.output.count("api_keys_reloaded") == 2, timeout_s=60)
        assert [await answers("old"), await answers("new"), await answers("newest")] == [
            401, 401, 200,
        ]  # fmt: skip
        # I expect that a key's photos are its name's, whatever its secret
        photo = f"/api/photos/{uploaded.json['id']}"
        assert (await Api(gateway.url, "newest").get(photo)).status == 200
        assert (await Api(gateway.url, "b").get(photo)).status == 404


async def test_a_socket_whose_secret_was_taken_back_is_closed_and_not_let_in_again(
    redis_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "keys"
    path.write_text("anna:a\nben:b\n")
    async with (
        notifier(redis_url, TAGLINE_API_KEYS_FILE=str(path)) as url,
        aiohttp.ClientSession() as web,
        connect(url, web, key="a") as anna,
        connect(url, web, key="b") as ben,
    ):
        path.write_text("ben:b\n")
        os.kill(os.getpid(), signal.SIGHUP)

        assert await anna.close_code() == Close.GOING_AWAY
        async with web.get(f"{url}/sse", params={"key": "a"}) as refused:
            assert refused.status == 401
        # I expect the others to go on where they were
        assert await ben.close_code() == Close.GOING_AWAY
        resume = {"socketId": ben.socket_id, "lastEventId": ben.position}
        async with connect(url, web, key="b", **resume) as again:
            assert again.connected == {"socketId": ben.socket_id, "resumed": True}
