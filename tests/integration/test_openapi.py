"""The gateway's description of itself, and its page: held against the routes there are."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import orjson
import pytest
import schemathesis
from aiohttp import hdrs, web
from schemathesis.config import SchemathesisConfig

from services.gateway.app import build
from services.gateway.openapi.document import VERSION, document
from services.gateway.settings import GatewaySettings
from tests.support.clients import get
from tests.support.processes import ROOT, ServiceProcess


@pytest.fixture
async def app(tmp_path: Path) -> web.Application:
    # Nothing connects before the first request.
    settings = GatewaySettings(
        TAGLINE_BLOB_URL=(tmp_path / "blobs").as_uri(),
        TAGLINE_PAGE_DIR=tmp_path / "no page",  # its files are no part of the API
    )
    application, _ = await build(settings)
    return application


def routes_of(app: web.Application) -> set[tuple[str, str]]:
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    }


async def test_every_route_is_described_and_every_described_route_is_there(
    app: web.Application,
) -> None:
    described = {
        (method.upper(), path)
        for path, methods in document(keyed=False)["paths"].items()
        for method in methods
    }

    assert {each for each in routes_of(app) if each[0] != hdrs.METH_HEAD} == described


def test_the_version_described_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


async def test_where_there_is_get_there_is_head(app: web.Application) -> None:
    paths = {
        method: {path for each, path in routes_of(app) if each == method}
        for method in (hdrs.METH_GET, hdrs.METH_HEAD)
    }

    assert paths[hdrs.METH_GET] == paths[hdrs.METH_HEAD]


def test_a_name_in_a_path_is_a_parameter_and_no_two_operations_have_the_same_name() -> None:
    operations = [
        (path, described)
        for path, methods in document(keyed=False)["paths"].items()
        for described in methods.values()
    ]

    for path, described in operations:
        parameters = described.get("parameters", [])
        in_path = {each["name"] for each in parameters if each["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    names = [described["operationId"] for _, described in operations]
    assert len(names) == len(set(names))


def test_the_description_is_openapi() -> None:
    schemathesis.openapi.from_dict(document(keyed=False), config=SchemathesisConfig()).validate()


def test_every_example_is_valid_and_every_schema_is_referred_to() -> None:
    described = document(keyed=False)
    schemas = described["components"]["schemas"]

    examples = {name: each["examples"] for name, each in schemas.items() if "examples" in each}
    for name, (example,) in examples.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        jsonschema_rs.validate(schema, example)
    assert {"Accepted", "Photo", "JobDetails", "Batch", "Problem"} <= examples.keys()
    text = orjson.dumps(described).decode()
    assert [name for name in schemas if f'"#/components/schemas/{name}"' not in text] == []


@pytest.mark.parametrize("keyed", [False, True])
def test_every_operation_behind_a_key_may_answer_that_it_is_missing(*, keyed: bool) -> None:
    described = document(keyed=keyed)

    assert ({} in described["security"]) is not keyed
    for path, methods in described["paths"].items():
        for each in methods.values():
            assert ("401" in each["responses"]) is (each.get("security") != []), path


def test_every_operation_that_changes_something_may_refuse_an_origin() -> None:
    for path, methods in document(keyed=False)["paths"].items():
        for method, each in methods.items():
            assert ("403" in each["responses"]) is (method != "get"), path


async def test_the_gateway_gives_its_description_and_a_page_with_nothing_from_elsewhere(
    redis_url: str, tmp_path: Path
) -> None:
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_API_KEYS": "anna:s3cret",
    }
    with ServiceProcess("gateway", environment) as gateway:
        gateway.wait_ready()
        status, described = await get(f"{gateway.url}/api/openapi.json")
        pages: dict[str, tuple[int, str, str]] = {}
        async with aiohttp.ClientSession() as session:
            for path in ("", "/start.js", "/swagger-ui.css", "/swagger-ui-bundle.js", "/other.js"):
                async with session.get(f"{gateway.url}/api/docs{path}") as response:
                    pages[path] = response.status, response.content_type, await response.text()

    assert status == 200
    assert described == orjson.loads(orjson.dumps(document(keyed=True)))
    answers: dict[str, Any] = {path: page[:2] for path, page in pages.items()}
    assert answers == {
        "": (200, "text/html"),
        "/start.js": (200, "text/javascript"),
        "/swagger-ui.css": (200, "text/css"),
        "/swagger-ui-bundle.js": (200, "text/javascript"),
        "/other.js": (404, "application/problem+json"),
    }
    assert "://" not in pages[""][2]
