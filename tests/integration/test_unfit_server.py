"""A server with a cache's settings: it would throw accepted photos away."""

from __future__ import annotations

import json
import socketserver
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.support.api import Api
from tests.support.processes import ServiceProcess
from tests.support.processes import wait_until as wait_for
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

SAID = (
    "its maxmemory-policy is allkeys-lru, by which a full server throws accepted photos away; "
    "it must be noeviction"
)
REFUSED = "redis answers, and refuses the user or password of REDIS_URL"


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
        ("min-replicas-to-write", "1", "0", "1 replicas have to be there, and 0 are"),
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


@pytest.mark.parametrize("service", ["gateway", "tagger", "notifier"])
def test_no_service_starts_on_a_database_that_there_is_not(service: str, tmp_path: Path) -> None:
    with temporary_server(tcp=True) as server:
        environment = {
            "REDIS_URL": server.url.replace("/0", "/99"),
            "TAGLINE_BLOB_URL": tmp_path.as_uri(),
        }
        with ServiceProcess(service, environment) as process:
            assert process._started().wait(60) == 2
            assert process.output == (
                f"{service}: REDIS_URL: the server refuses: DB index is out of range\n"
            )


def test_who_has_a_wrong_password_for_redis_says_so(tmp_path: Path) -> None:
    with temporary_server(tcp=True) as server, redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "right")
        url = server.url.replace("//", "//:wrong@")
        environment = {"REDIS_URL": url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
        with ServiceProcess("gateway", environment) as gateway:
            wait_until_said(gateway)
        with ServiceProcess("notifier", environment) as notifier:
            wait_until_said(notifier)
            wait_for(
                lambda: "invalid username-password pair" in notifier.output, "the log says why"
            )


def wait_until_said(service: ServiceProcess) -> None:
    """Wait for /readyz to name what is wrong."""

    def said() -> bool:
        try:
            urllib.request.urlopen(f"{service.url}/readyz")  # noqa: S310 - http
        except urllib.error.HTTPError as error:
            with error:
                return bool(json.load(error)["checks"]["redis"] == REFUSED)
        except OSError:
            pass
        return False

    wait_for(said, "/readyz says that the password is wrong", timeout_s=60)
