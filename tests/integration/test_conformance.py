"""The gateway against its own description: what schemathesis makes of it, right and wrong.

TAGLINE_TEST_EXAMPLES is how many requests it makes up for each operation, besides those that
try the limits of every parameter one by one: 8 unless given; 1000 is a long run.
"""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from PIL import Image
from redis.asyncio import Redis
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from deploy.local.server import EmbeddedServer
from services.gateway.openapi.document import document
from shared import keys
from shared.redis import closing
from tests.support.clients import upload, upload_batch
from tests.support.processes import ServiceProcess
from tests.support.tagging import opened_bench

Case = schemathesis.Case[Any]

EXAMPLES = int(os.environ.get("TAGLINE_TEST_EXAMPLES", "8"))
SECRET = "s3cret"
AUTHORIZED = {"Authorization": f"Bearer {SECRET}"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
    unsupported_method,
]


def made_up(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def checks_of(case: Case) -> list[Any]:
    # Made up as a whole, a request may be wrong in a way that the wire does not show, such as
    # a null that becomes a word; tried one by one, parameters are wrong for certain.
    one_by_one = case.meta is not None and case.meta.phase.name is TestPhase.COVERAGE
    return [*CHECKS, negative_data_rejection] if one_by_one else CHECKS


def closed(described: dict[str, Any]) -> dict[str, Any]:
    """The description with no member allowed in an answer that it does not name."""
    schemas = described["components"]["schemas"]

    def close(schema: Any) -> Any:
        if isinstance(schema, list):
            return [close(each) for each in schema]
        if not isinstance(schema, dict):
            return schema
        members = {name: close(each) for name, each in schema.items()}
        if "properties" in members and members.get("type") == "object":
            members.setdefault("additionalProperties", False)
        return members

    components = {**described["components"], "schemas": close(schemas)}
    return {**described, "components": components}


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, "PNG")
    return out.getvalue()


PICTURE = picture()
# Most files that it makes up are photos.
schemathesis.openapi.format(
    "binary", st.one_of(st.just(PICTURE), st.just(PICTURE), st.just(PICTURE), st.binary())
)


def schema_of(*, keyed: bool) -> Any:
    phases = {"coverage": {"enabled": not keyed, "generate-duplicate-query-parameters": True}}
    generation = {"allow-extra-parameters": False}
    config = SchemathesisConfig.from_dict({"seed": 1, "phases": phases, "generation": generation})
    return schemathesis.openapi.from_dict(closed(document(keyed=keyed)), config=config)


open_schema = schema_of(keyed=False)
keyed_schema = schema_of(keyed=True)


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conformance") / "blobs"


def gateway_with(server: EmbeddedServer, blobs: Path, **settings: str) -> ServiceProcess:
    environment = {
        "REDIS_URL": server.url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_PAGE_DIR": str(blobs / "no page"),  # its files are no part of the API
    }
    return ServiceProcess("gateway", {**environment, **settings})


@pytest.fixture(scope="module")
def gateway(redis_server: EmbeddedServer, blobs: Path) -> Iterator[ServiceProcess]:
    with gateway_with(redis_server, blobs) as process:
        yield process.wait_ready()


@pytest.fixture(scope="module")
def keyed_gateway(redis_server: EmbeddedServer, blobs: Path) -> Iterator[ServiceProcess]:
    with gateway_with(redis_server, blobs, TAGLINE_API_KEYS=f"anna:{SECRET}") as process:
        yield process.wait_ready()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


class Things:
    """What there is in the gateway, and how a made-up request comes to be about it."""

    def __init__(self, photo_ids: list[int], job_ids: list[str], batch_id: str) -> None:
        self.had_success = False
        # In turn, so that each is met; now and then what was made up stays.
        self._ids: dict[str, Iterator[Any]] = {
            "/api/photos/": cycle([*photo_ids, None]),
            "/api/jobs/": cycle([*job_ids, None]),
            "/api/batches/": cycle([batch_id, batch_id, None]),
            "/api/queues/": cycle(["tagging", "tagging", None]),
            "/api/docs/": cycle(["swagger-ui.css", "swagger-ui-bundle.js", None]),
        }

    def note(self, response: schemathesis.Response) -> None:
        self.had_success |= response.status_code < 400

    def put_into(self, case: Case) -> None:
        """Have a request whose path is right be about something that is there."""
        if case.meta is None or case.meta.is_negative_at(ParameterLocation.PATH):
            return
        for start, ids in self._ids.items():
            if case.operation.path.startswith(start):
                for name, made_up in case.path_parameters.items():
                    case.path_parameters[name] = next(ids) or made_up


async def populate(gateway: str, redis_url: str, headers: dict[str, str] | None = None) -> Things:
    """Have photos there, jobs in every state, tags, a batch, and a provider that is held back."""
    photos = [(await upload(gateway, PICTURE, headers=headers))[1] for _ in range(6)]
    async with opened_bench(redis_url) as bench:
        await bench.complete()
        await bench.fail()
        await bench.fail()
        await bench.tagger.retry(await bench.begin(), delay_ms=3_600_000)
        await bench.begin()
    async with closing(Redis.from_url(redis_url)) as redis:
        stages = [{"id": "ai", "progress": 30, "labels": {"fr": "IA", "en": "AI"}, "icon": "x"}]
        await redis.set(keys.stages(), orjson.dumps(stages))
        later_ms = int(time.time() * 1000) + 3_600_000
        await redis.zadd(keys.gates(), {"here": later_ms})
        gate: dict[Any, Any] = {"provider": "openai", "held_until_ms": str(later_ms), "limit": "4"}
        await redis.hset(keys.gate("here"), mapping=gate)
    url = f"{gateway}/api/photos/{photos[0]['id']}/tags"
    async with aiohttp.ClientSession(headers=headers) as session:
        await session.put(url, json={"tags": ["chat", "été"]}, raise_for_status=True)
    _, batch = await upload_batch(gateway, [PICTURE, PICTURE], headers=headers)
    return Things(
        [each["id"] for each in photos], [each["jobId"] for each in photos], batch["batchId"]
    )


@pytest.fixture
def things(gateway: ServiceProcess, redis_url: str) -> Iterator[Things]:
    things = asyncio.run(populate(gateway.url, redis_url))
    yield things
    assert things.had_success


@pytest.fixture
def keyed_things(keyed_gateway: ServiceProcess, redis_url: str) -> Iterator[Things]:
    things = asyncio.run(populate(keyed_gateway.url, redis_url, AUTHORIZED))
    yield things
    assert things.had_success


@open_schema.parametrize()  # type: ignore[untyped-decorator]
@made_up(EXAMPLES)
def test_every_answer_is_as_it_is_described(
    case: Case, gateway: ServiceProcess, things: Things, session: requests.Session
) -> None:
    things.put_into(case)
    response = case.call(base_url=gateway.url, session=session, allow_redirects=False)
    things.note(response)
    case.validate_response(response, checks=checks_of(case))


@keyed_schema.parametrize()  # type: ignore[untyped-decorator]
@made_up(EXAMPLES)
def test_with_keys_nothing_is_answered_without_one(
    case: Case,
    keyed_gateway: ServiceProcess,
    keyed_things: Things,
    session: requests.Session,
) -> None:
    keyed_things.put_into(case)
    arguments: dict[str, Any] = {
        "base_url": keyed_gateway.url,
        "session": session,
        "headers": AUTHORIZED,
    }
    response = case.call(**arguments, allow_redirects=False)
    keyed_things.note(response)
    case.validate_response(
        response,
        checks=[*checks_of(case), ignored_auth],
        headers=AUTHORIZED,
        transport_kwargs=arguments,
    )
