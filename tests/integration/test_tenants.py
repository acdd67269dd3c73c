"""What one key has uploaded, another finds nowhere: every route of the description is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import orjson
import pytest

from services.gateway.openapi.document import document
from tests.support.api import Answer, Api, new_socket_id, picture
from tests.support.tagging import Bench

CANARY: Final = "kanarienvogel"
BODIES: Final[dict[str, object]] = {"/api/photos/{id}/tags": {"tags": ["mine"]}}

OF_ALL: Final = frozenset({"/api/queues", "/api/queues/{name}/pause", "/api/queues/{name}/resume"})
"""Routes of the service as a whole: they hold numbers, and nothing of a photo."""

SUBJECTS: Final = ("photos", "jobs", "batches")


def operations() -> Iterator[tuple[str, str]]:
    """Every method and path that asks for a key."""
    for path, methods in document(keyed=True)["paths"].items():
        for method, described in methods.items():
            if described.get("security") != [] and path not in OF_ALL:
                yield method.upper(), path


WITH_ID: Final = [(method, path) for method, path in operations() if "{id}" in path]
WITHOUT: Final = [path for method, path in operations() if "{" not in path and method == "GET"]


@pytest.fixture
async def hers(anna: Api, bench: Bench) -> dict[str, Any]:
    """What Anna has: a tagged photo in a batch, and jobs that wait, run, and have failed."""
    batch = (await anna.upload(picture(1), picture(2), names=(f"{CANARY}.png",) * 2)).json
    await bench.complete(CANARY)
    await bench.fail()
    await anna.upload(picture(3))
    await bench.begin()
    await anna.upload(picture(4))
    tagged = batch["photos"][0]
    return {"photos": tagged["id"], "jobs": tagged["jobId"], "batches": batch["batchId"]}


async def all_of(api: Api, ids: dict[str, Any]) -> list[Any]:
    """Everything that its owner sees of what there is."""
    paths = [f"/api/{subject}/{ids[subject]}" for subject in SUBJECTS]
    paths += [path if path != "/api/jobs" else "/api/jobs?state=dead" for path in WITHOUT]
    return [(await api.get(path)).json for path in paths if path != "/api/stats"]


def in_place_of(path: str, identity: object) -> str:
    return path.replace("{id}", str(identity))


async def test_another_keys_photo_job_and_batch_are_not_there_whatever_is_asked_of_them(
    anna: Api, ben: Api, hers: dict[str, Any]
) -> None:
    before = await all_of(anna, hers)
    for method, path in WITH_ID:
        subject = path.split("/")[2]
        headers = {"X-Socket-Id": new_socket_id()}

        async def asked(
            identity: object, method: str = method, path: str = path, headers: Any = headers
        ) -> Answer:
            where = in_place_of(path, identity)
            return await ben.call(method, where, BODIES.get(path), headers=headers)

        foreign = await asked(hers[subject])
        unknown = await asked(10**9 if subject == "photos" else str(UUID(int=7)))

        assert foreign.problem == (404, "not_found"), (method, path)
        # I expect no difference to what nobody has
        assert foreign.json == unknown.json, (method, path)

    assert {path.split("/")[2] for _, path in WITH_ID} == set(SUBJECTS)
    assert await all_of(anna, hers) == before


async def test_lists_show_nothing_of_another_key(anna: Api, ben: Api, hers: dict[str, Any]) -> None:
    lists = [f"/api/jobs?state={state}" for state in ("waiting", "active", "delayed", "dead")]
    lists += [path for path in WITHOUT if path not in {"/api/jobs", "/api/stages", "/api/stats"}]
    lists += [f"/api/photos?tag={CANARY}", f"/api/photos?q={CANARY}", f"/api/tags?prefix={CANARY}"]
    for path in lists:
        assert (await ben.get(path)).json["items"] == [], path

    found = orjson.dumps([(await anna.get(path)).json for path in lists]).decode()
    assert found.count(CANARY) >= 4


async def test_statistics_are_of_ones_own_photos(anna: Api, ben: Api, hers: dict[str, Any]) -> None:
    mine, yours = (await anna.get("/api/stats")).json, (await ben.get("/api/stats")).json

    assert (mine["accepted"], mine["complete"], mine["failed"]) == (4, 1, 1)
    assert (yours["accepted"], yours["complete"], yours["failed"]) == (0, 0, 0)
    assert (yours["failures"], yours["stages"], yours["provider"]["calls"]) == ({}, {}, {})
    assert yours["total"]["count"] == yours["pickup"]["count"] == 0
    assert all(minute["accepted"] == 0 for minute in yours["minutes"])
    assert yours["cost"]["total"]["models"] == yours["cost"]["today"]["models"] == []


async def test_events_of_another_keys_photo_cannot_be_watched(
    anna: Api, ben: Api, bench: Bench
) -> None:
    socket_id = new_socket_id()
    photo_id = (await anna.upload(picture(1))).json["id"]

    refused = await ben.post(f"/api/photos/{photo_id}/watch", X_Socket_Id=socket_id)
    await bench.complete(CANARY)

    assert refused.problem == (404, "not_found")
    assert bench.heard(socket_id) == []


async def test_the_same_idempotency_key_of_two_keys_is_two_photos(anna: Api, ben: Api) -> None:
    headers = {"Idempotency-Key": "the-same"}
    first = await anna.upload(picture(1), headers=headers)
    second = await ben.upload(picture(1), headers=headers)

    assert (first.status, second.status) == (202, 202)
    assert first.json["id"] != second.json["id"]
