"""A database that is almost full."""

from __future__ import annotations

from pathlib import Path

import redis

from tests.support.api import Api, picture
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until


async def test_uploads_are_refused_before_memory_runs_out_and_taken_when_there_is_some(
    tmp_path: Path,
) -> None:
    with temporary_server() as server, redis.Redis.from_url(server.url) as client:
        environment = {"REDIS_URL": server.url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
        with ServiceProcess("gateway", environment) as gateway:
            api = Api(gateway.wait_ready().url)
            accepted = await api.upload(picture(1))
            used_bytes = client.info("memory")["used_memory"]
            client.config_set("maxmemory", int(used_bytes * 1.01))

            async def status() -> int:
                return (await api.upload(picture(2))).status

            async def refused() -> bool:
                # The server may refuse one by itself, until the gateway has looked again.
                return await status() == 503 and "database_almost_full" in gateway.output

            async def taken() -> bool:
                return await status() == 202

            await wait_until(refused)
            answer = await api.upload(picture(2))
            # I expect that what there is can be seen and removed
            photo = f"/api/photos/{accepted.json['id']}"
            assert (await api.get(photo)).status == 200
            assert (await api.call("DELETE", photo)).status == 204
            client.config_set("maxmemory", 0)
            await wait_until(taken)

    assert answer.problem == (503, "unavailable")
    assert answer.headers["Retry-After"] == "10"
