"""The services with users of their own on the server, each with what it needs and no more."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.api import Api
from tests.support.clients import PHOTOS, websocket
from tests.support.processes import ROOT, ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

USERS = ROOT / "deploy" / "users.acl"
SERVICES = ("gateway", "tagger", "notifier")


def as_user(url: str, name: str) -> str:
    return url.replace("//", f"//{name}:{name}-secret@")


def add_users(client: Any) -> None:
    """Do what the file says at its head."""
    for line in USERS.read_text().splitlines():
        if line.startswith("user "):
            _, name, *rules = line.split()
            client.execute_command("ACL", "SETUSER", name, *rules, "on", f">{name}-secret")
    client.execute_command("ACL", "SETUSER", "default", "off")


async def use_everything(gateway: str, notifier: str) -> None:
    """Take a photo through what the routes can do with it."""
    api = Api(gateway)
    async with websocket(notifier) as heard:
        watching = {"X-Socket-Id": heard.socket_id}
        uploaded = await api.upload(PHOTOS / "cat.jpg", headers=watching)
        await heard.until("photo:complete")
        photo = f"/api/photos/{uploaded.json['id']}"
        moves = [
            ("GET", "/api/photos?tag=chat&q=c"),
            ("GET", f"{photo}"),
            ("GET", f"{photo}/similar"),
            ("GET", f"/api/jobs/{uploaded.json['jobId']}"),
            ("GET", "/api/jobs?state=dead"),
            ("GET", "/api/tags"),
            ("GET", "/api/stages"),
            ("GET", "/api/stats"),
            ("GET", "/api/queues"),
            ("POST", "/api/queues/tagging/pause"),
            ("POST", f"{photo}/retag"),
            ("POST", "/api/queues/tagging/resume"),
        ]
        for method, path in moves:
            answer = await api.call(method, path, headers=watching)
            assert answer.status in {200, 202}, (path, answer)
        await heard.until("photo:complete")
        assert (await api.call("PUT", f"{photo}/tags", {"tags": ["x"]})).status == 200
        assert (await api.call("DELETE", photo)).status == 204


@pytest.mark.timeout(240)
async def test_each_service_works_with_a_user_that_may_do_nothing_else(tmp_path: Path) -> None:
    with temporary_server(tcp=True) as server, ExitStack() as stack:
        with redis.Redis.from_url(server.url) as client:
            add_users(client)
        admin = stack.enter_context(redis.Redis.from_url(as_user(server.url, "admin")))
        environment = {
            "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
            "TAGLINE_CACHE_DIR": str(tmp_path),
        }
        running = {
            name: stack.enter_context(
                ServiceProcess(name, {**environment, "REDIS_URL": as_user(server.url, name)})
            )
            for name in SERVICES
        }
        for each in running.values():
            each.wait_ready(timeout_s=60)

        await use_everything(running["gateway"].url, running["notifier"].url)

        async def counted() -> bool:  # a notifier says every few seconds how many sockets it has
            return bool(admin.exists("{tagline:0}:sockets"))

        await wait_until(counted, timeout_s=60)
        assert admin.execute_command("ACL", "LOG") == []
        for name in SERVICES:
            with redis.Redis.from_url(as_user(server.url, name)) as client:
                for command in ("FLUSHALL", "SHUTDOWN", "KEYS *", "ACL LIST", "CONFIG SET dir /tmp",
                                "MONITOR", "SET elsewhere 1", "GET elsewhere",
                                "FUNCTION LIST", "EVAL return 0"):  # fmt: skip
                    with pytest.raises(redis.exceptions.NoPermissionError):
                        client.execute_command(*command.split())
        with redis.Redis.from_url(as_user(server.url, "notifier")) as client:
            for command in ("DEL {tagline:0}:photo:1", "HSET {tagline:0}:photo:1 owner eve",
                            "XLEN {tagline:0}:queue:tagging:normal"):  # fmt: skip
                with pytest.raises(redis.exceptions.NoPermissionError):
                    client.execute_command(*command.split())
