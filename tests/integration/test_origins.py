"""Pages of other origins at the gateway: what they may do, and what caches are told of it."""

from __future__ import annotations

from collections.abc import Iterator

import aiohttp
import orjson
import pytest

from deploy.local.server import EmbeddedServer
from tests.support.processes import ServiceProcess

ALLOWED = "https://page.example"


@pytest.fixture(scope="module")
def gateway(
    redis_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    environment = {
        "REDIS_URL": redis_server.url,
        "TAGLINE_BLOB_URL": tmp_path_factory.mktemp("origins").as_uri(),
        "TAGLINE_ALLOWED_ORIGINS": ALLOWED,
    }
    with ServiceProcess("gateway", environment) as process:
        yield process.wait_ready()


async def answer(
    gateway: ServiceProcess, method: str, path: str, origin: str | None
) -> tuple[int, aiohttp.ClientResponse, bytes]:
    headers = {"Origin": origin} if origin else {}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, gateway.url + path, headers=headers) as response,
    ):
        return response.status, response, await response.read()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/queues/tagging/resume"),
        ("POST", "/api/photos/upload"),
        ("PUT", "/api/photos/1/tags"),
        ("DELETE", "/api/photos/1"),
    ],
)
@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://["])
async def test_a_foreign_page_changes_nothing(
    gateway: ServiceProcess, method: str, path: str, origin: str
) -> None:
    status, _, body = await answer(gateway, method, path, origin)

    problem = orjson.loads(body)
    assert (status, problem["code"]) == (403, "forbidden_origin")
    assert "TAGLINE_ALLOWED_ORIGINS" in problem["detail"]


@pytest.mark.parametrize("origin", [None, ALLOWED, "http://127.0.0.1:5173"])
async def test_programs_pages_of_this_host_and_allowed_ones_do(
    gateway: ServiceProcess, origin: str | None
) -> None:
    status, response, _ = await answer(gateway, "POST", "/api/queues/tagging/resume", origin)

    assert status == 200
    assert response.headers.get("Access-Control-Allow-Origin") == origin


@pytest.mark.parametrize("origin", [None, ALLOWED, "https://elsewhere.example"])
async def test_caches_are_told_that_the_origin_counts(
    gateway: ServiceProcess, origin: str | None
) -> None:
    for path in ("/api/photos", "/api/photos/1", "/nope"):
        _, response, _ = await answer(gateway, "GET", path, origin)
        assert response.headers.getall("Vary") == ["Origin"]


async def test_a_page_of_an_allowed_origin_reads_parts_and_asks_whether_they_changed(
    gateway: ServiceProcess,
) -> None:
    headers = {
        "Origin": ALLOWED,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match,if-range,range",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.options(f"{gateway.url}/api/photos/1/file", headers=headers) as response,
    ):
        allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
        exposed = response.headers["Access-Control-Expose-Headers"].split(", ")

    assert response.status == 204
    assert {"if-none-match", "if-range", "range"} <= set(allowed)
    assert {"Content-Range", "Accept-Ranges", "ETag"} <= set(exposed)
