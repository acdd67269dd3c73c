"""Batches: photos of one request, accepted all or none, counted together, cancelled together."""

from __future__ import annotations

import asyncio

from tests.support.api import CAT, COFFEE, Api, Keyed, new_socket_id
from tests.support.tagging import Bench


async def test_a_batch_is_answered_photo_by_photo(anna: Api, bench: Bench) -> None:
    answer = await anna.upload(CAT, COFFEE)

    assert answer.status == 202
    batch = answer.json
    assert batch["message"] == "2 photos uploadées, analyse en cours..."
    assert answer.headers["Location"] == f"/api/batches/{batch['batchId']}"
    assert [photo["batchId"] for photo in batch["photos"]] == [batch["batchId"]] * 2
    assert [photo["processing"] for photo in batch["photos"]] == [True, True]
    found = await anna.get(f"/api/batches/{batch['batchId']}")
    counts = {name: found.json[name] for name in ("total", "complete", "failed", "cancelled")}
    assert counts == {"total": 2, "complete": 0, "failed": 0, "cancelled": 0}
    assert [photo["id"] for photo in found.json["photos"]] == [p["id"] for p in batch["photos"]]


async def test_one_bad_file_refuses_the_batch_and_is_named(
    anna: Api, bench: Bench, keyed_gateway: Keyed
) -> None:
    before = sorted(keyed_gateway.blobs.rglob("photo-*"))
    answer = await anna.upload(CAT, b"no photo" * 9, COFFEE, names=["a.jpg", "b é.jpg", "c.jpg"])

    assert answer.problem == (415, "unsupported_image")
    assert (answer.json["file"], answer.json["index"]) == ("b é.jpg", 1)
    assert sorted(keyed_gateway.blobs.rglob("photo-*")) == before
    assert (await anna.get("/api/photos")).json["items"] == []
    assert bench.queue.fetch() is None


async def test_a_batch_over_the_limit_is_refused(anna: Api, bench: Bench) -> None:
    at_the_limit = await anna.upload(*[CAT] * 5)
    over = await anna.upload(*[CAT] * 6)

    assert at_the_limit.status == 202
    assert over.problem == (413, "too_large")
    assert over.json["limit"] == 5
    assert len((await anna.get("/api/photos")).json["items"]) == 5


async def test_a_batch_is_accepted_once_for_an_idempotency_key(
    anna: Api, bench: Bench, keyed_gateway: Keyed
) -> None:
    headers = {"Idempotency-Key": "holiday"}
    before = len(list(keyed_gateway.blobs.rglob("photo-*")))
    answers = await asyncio.gather(*(anna.upload(CAT, COFFEE, headers=headers) for _ in range(4)))
    other = await anna.upload(COFFEE, CAT, headers=headers)

    assert all(answer.json == answers[0].json for answer in answers)
    assert other.problem == (422, "idempotency_mismatch")
    assert len((await anna.get("/api/photos")).json["items"]) == 2
    assert len(list(keyed_gateway.blobs.rglob("photo-*"))) == before + 2


async def test_each_end_is_told_once_and_the_batch_after_the_last(anna: Api, bench: Bench) -> None:
    socket_id = new_socket_id()
    answer = await anna.upload(CAT, CAT, CAT, headers={"X-Socket-Id": socket_id})
    ids = [photo["id"] for photo in answer.json["photos"]]
    await bench.complete("chat")
    await bench.fail()
    await anna.call("DELETE", f"/api/photos/{ids[2]}")

    told = [(n, d) for n, d in bench.heard(socket_id) if n.startswith("batch:")]
    assert [(name, data["complete"], data["failed"], data["cancelled"]) for name, data in told] == [
        ("batch:progress", 1, 0, 0),
        ("batch:progress", 1, 1, 0),
        ("batch:progress", 1, 1, 1),
        ("batch:complete", 1, 1, 1),
    ]
    assert told[-1][1]["batchId"] == answer.json["batchId"]
    assert told[-1][1]["total"] == 3
    batch = (await anna.get(f"/api/batches/{answer.json['batchId']}")).json
    assert (batch["total"], batch["cancelled"]) == (3, 1)
    assert [photo["id"] for photo in batch["photos"]] == ids[:2]


async def test_the_first_step_is_told_with_its_attempt_and_the_batch_it_is_of(
    anna: Api, bench: Bench
) -> None:
    socket_id = new_socket_id()
    batch = (await anna.upload(CAT, CAT, headers={"X-Socket-Id": socket_id})).json
    alone = (await anna.upload(CAT, headers={"X-Socket-Id": socket_id})).json
    for _ in range(3):
        await bench.begin(told=True)
    told = [data for name, data in bench.heard(socket_id) if name == "photo:progress"]
    begun = [each for each in told if each["stage"] == "analyzing"]

    accepted = [(photo["id"], photo["jobId"]) for photo in [*batch["photos"], alone]]
    assert [(each["photoId"], each["jobId"]) for each in begun] == accepted
    assert [each["attempt"] for each in begun] == [1, 1, 1]
    assert [each.get("batchId") for each in begun] == [batch["batchId"], batch["batchId"], None]
    found = (await anna.get(f"/api/photos/{alone['id']}")).json
    assert (found["stage"], found["progress"]) == ("analyzing", 10)


async def test_what_is_left_of_a_batch_is_cancelled(anna: Api, bench: Bench) -> None:
    socket_id = new_socket_id()
    answer = await anna.upload(CAT, CAT, CAT, headers={"X-Socket-Id": socket_id})
    await bench.complete("chat")
    running = await bench.begin()
    path = f"/api/batches/{answer.json['batchId']}"
    cancelled = await anna.post(f"{path}/cancel")

    assert cancelled.status == 202
    counts = {name: cancelled.json[name] for name in ("complete", "failed", "cancelled")}
    assert counts == {"complete": 1, "failed": 0, "cancelled": 2}
    statuses = [photo["status"] for photo in cancelled.json["photos"]]
    assert statuses == ["complete", "cancelled", "cancelled"]
    assert running.record is not None
    assert not await bench.tagger.step(running.record, "ai", 30)
    assert [name for name, _ in bench.heard(socket_id)][-1] == "batch:complete"
    # Cancelled once more, nothing changes.
    assert (await anna.post(f"{path}/cancel")).json == cancelled.json


async def test_a_member_that_is_worked_on_again_is_counted_as_it_then_ends(
    anna: Api, bench: Bench
) -> None:
    answer = await anna.upload(CAT, COFFEE)
    path = f"/api/batches/{answer.json['batchId']}"
    failed = await bench.fail()
    await bench.complete("tasse")
    assert (await anna.get(path)).json["failed"] == 1

    await anna.post(f"/api/jobs/{failed.command.job_id}/retry")
    assert (await anna.get(path)).json["failed"] == 0
    await bench.complete("chat")
    assert (await anna.get(path)).json["complete"] == 2

    await anna.post(f"/api/photos/{failed.command.photo_id}/retag")
    assert (await anna.get(path)).json["complete"] == 1
    await bench.fail()
    batch = (await anna.get(path)).json
    assert (batch["complete"], batch["failed"]) == (1, 1)


async def test_a_batch_of_another_key_is_not_there(anna: Api, ben: Api, bench: Bench) -> None:
    path = f"/api/batches/{(await anna.upload(CAT, CAT)).json['batchId']}"

    assert (await ben.get(path)).problem == (404, "not_found")
    assert (await ben.post(f"{path}/cancel")).problem == (404, "not_found")
    assert (await anna.get(path)).json["cancelled"] == 0
    unknown = "/api/batches/01234567-89ab-cdef-0123-456789abcdef"
    assert (await anna.get(unknown)).problem == (404, "not_found")
