"""How the gateway serves the page: its paths, its policy, what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import ValidationError

from services.gateway.callers import keyed
from services.gateway.errors import problems
from services.gateway.openapi.document import document
from services.gateway.page import page_routes
from services.gateway.settings import GatewaySettings

Client = TestClient[web.Request, web.Application]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A page as Vite leaves it."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Tagline</title>")
    (folder / "assets" / "index-abc123.js").write_text("export {};")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("not for the web")
    return folder


def _gateway(folder: Path, **settings: str) -> Client:
    """As much of the gateway as has to do with the page."""
    values: dict[str, Any] = {"TAGLINE_PAGE_DIR": folder, **settings}
    read = GatewaySettings(**values)
    app = web.Application(middlewares=[problems, keyed(read.keys())])
    app.add_routes(page_routes(read))
    return TestClient(TestServer(app))


@pytest.fixture
async def gateway(built: Path) -> AsyncIterator[Client]:
    async with _gateway(built, TAGLINE_API_KEYS="someone:secret") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/photos/123", "/queue"])
async def test_each_path_of_the_page_is_the_page_and_asks_for_no_key(
    gateway: Client, path: str
) -> None:
    response = await gateway.get(path)

    assert response.status == 200
    assert response.content_type == "text/html"
    assert "<title>Tagline" in await response.text()
    assert response.headers["Cache-Control"] == "no-cache"


async def test_the_policy_lets_the_page_talk_to_the_gateway_and_the_notifier_alone(
    built: Path,
) -> None:
    notifier = {"TAGLINE_PUBLIC_NOTIFIER_URL": "https://events.example:8443/"}
    async with _gateway(built, **notifier) as client:
        response = await client.get("/")
        config = await (await client.get("/page-config.json")).json()

    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self' https://events.example:8443 wss://events.example:8443;" in policy
    assert "unsafe" not in policy
    assert config == {
        "notifierUrl": "https://events.example:8443",
        "maxUploadBytes": 20 * 2**20,
        "maxBatch": 100,
    }


@pytest.mark.parametrize(
    ("host", "notifier"),
    [
        ("localhost:8888", "http://localhost:8889"),
        ("192.168.1.5:8888", "http://192.168.1.5:8889"),
        ("[::1]:8888", "http://[::1]:8889"),
        ("bad host;*", "http://127.0.0.1:8889"),
        ("[::1", "http://127.0.0.1:8889"),
    ],
)
async def test_a_notifier_on_this_machine_goes_by_the_name_the_gateway_was_reached_by(
    gateway: Client, host: str, notifier: str
) -> None:
    response = await gateway.get("/page-config.json", headers={"Host": host})

    assert (await response.json())["notifierUrl"] == notifier


async def test_assets_are_cached_for_ever_and_nothing_beside_them_is_served(
    gateway: Client,
) -> None:
    asset = await gateway.get("/assets/index-abc123.js")
    assert asset.status == 200
    assert asset.content_type == "text/javascript"
    assert "immutable" in asset.headers["Cache-Control"]

    for name in ("none.js", "..%2Findex.html", "..%2F..%2Fsecret.txt", "n" * 300):
        assert (await gateway.get(f"/assets/{name}")).status == 404
    assert (await gateway.get("/api/photos")).status == 401


async def test_the_way_in_is_described_as_it_is_with_a_page_and_without(
    gateway: Client, tmp_path: Path
) -> None:
    async with _gateway(tmp_path / "none") as without:
        answers = [
            await gateway.get("/", allow_redirects=False),
            await without.get("/", allow_redirects=False),
        ]

    described = document(keyed=False)["paths"]["/"]["get"]["responses"]
    assert [str(answer.status) for answer in answers] == list(described)
    assert list(described["200"]["content"]) == [answers[0].content_type]


async def test_without_a_page_the_first_thing_to_see_is_the_documentation(
    tmp_path: Path,
) -> None:
    async with _gateway(tmp_path / "none") as client:
        response = await client.get("/", allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (302, "/api/docs")
        assert (await client.get("/queue")).status == 404


@pytest.mark.parametrize(
    "url", ["ws://there", "events.example", "https://a.example ; x", "http://"]
)
def test_a_notifier_without_a_web_address_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be an address such as"):
        GatewaySettings(TAGLINE_PUBLIC_NOTIFIER_URL=url)
