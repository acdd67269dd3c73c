"""A server with a cache's settings: it would throw accepted photos away."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.support.api import Api
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

SAID = (
    "its maxmemory-policy is allkeys-lru, by which a full server throws accepted photos away; "
    "it must be noeviction"
)


@pytest.mark.parametrize("service", ["gateway", "tagger", "notifier"])
def test_no_service_starts_on_a_server_that_evicts(service: str, tmp_path: Path) -> None:
    with temporary_server(settings=("maxmemory-policy allkeys-lru",)) as server:
        environment = {
            "REDIS_URL": server.url,
            "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
            "TAGLINE_CACHE_DIR": str(tmp_path),
        }
        with ServiceProcess(service, environment) as process:
            assert process._started().wait(60) == 2
            said = process.output.splitlines()[-1]

    assert said == f"{service}: REDIS_URL: {SAID}"


@pytest.mark.parametrize(
    ("setting", "unfit", "fit", "said"),
    [
        ("maxmemory-policy", "allkeys-lru", "noeviction", SAID),
        (
            "min-replicas-to-write",
            "1",
            "0",
            "it has none of the replicas that min-replicas-to-write asks for",
        ),
    ],
)
async def test_a_server_that_becomes_unfit_is_not_ready_until_it_is_fit_again(
    setting: str, unfit: str, fit: str, said: str, tmp_path: Path
) -> None:
    with temporary_server() as server, redis.Redis.from_url(server.url) as client:
        environment = {"REDIS_URL": server.url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
        with ServiceProcess("gateway", environment) as gateway:
            api = Api(gateway.wait_ready().url)
            client.config_set(setting, unfit)
            answer = await api.get("/readyz")
            client.config_set(setting, fit)

            async def ready() -> bool:
                return (await api.get("/readyz")).status == 200

            await wait_until(ready)

    assert (answer.status, answer.json["checks"]["redis"]) == (503, said)


class Web(socketserver.BaseRequestHandler):
    """Answers as a web server does, whatever it is asked."""

    def handle(self) -> None:
        self.request.recv(1000)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@contextmanager
def web_server() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_no_gateway_starts_on_what_is_no_redis(tmp_path: Path) -> None:
    with web_server() as port:
        url = f"redis://127.0.0.1:{port}/0"
        environment = {"REDIS_URL": url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
        with ServiceProcess("gateway", environment) as gateway:
            assert gateway._started().wait(60) == 2
            assert gateway.output == "gateway: REDIS_URL: what answers there is no Redis\n"
