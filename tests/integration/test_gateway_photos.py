"""A photo's owner has it analysed again, watches it, removes it."""

from __future__ import annotations

from shared.photos import MAX_WATCHERS
from tests.support.api import CAT, Api, Keyed, new_socket_id
from tests.support.tagging import Bench


async def test_a_photo_is_analysed_again_by_a_new_job(anna: Api, bench: Bench) -> None:
    first = (await anna.upload(locale="en")).json
    await bench.tagger.complete(await bench.begin(), [{"en": "cat"}])
    socket_id = new_socket_id()
    path = f"/api/photos/{first['id']}"
    answer = await anna.post(
        f"{path}/retag", {"priority": "high", "fresh": True}, X_Socket_Id=socket_id
    )

    assert answer.status == 202
    assert answer.headers["Location"] == path
    assert answer.json == {**first, "jobId": answer.json["jobId"]}
    assert answer.json["jobId"] != first["jobId"]
    job = (await anna.get(f"/api/jobs/{answer.json['jobId']}")).json
    assert (job["priority"], job["state"], job["attempt"]) == ("high", "waiting", 0)
    photo = await anna.photo(first["id"])
    assert (photo["status"], photo["jobId"]) == ("queued", job["jobId"])

    taken = await bench.begin()
    assert taken.record is not None
    assert taken.record.fresh
    await bench.tagger.step(taken.record, "analyzing", 10)
    ((name, data),) = bench.heard(socket_id)
    assert (name, data["jobId"], data["attempt"]) == ("photo:progress", job["jobId"], 1)


async def test_the_last_event_tells_the_photo_as_it_is_found_later(anna: Api, bench: Bench) -> None:
    socket_id = new_socket_id()
    photo_id = (await anna.upload(headers={"X-Socket-Id": socket_id})).json["id"]
    await bench.complete("chat")

    told = [data["photo"] for name, data in bench.heard(socket_id) if name == "photo:complete"]
    assert told == [await anna.photo(photo_id)]


async def test_a_photo_in_work_is_not_analysed_again(anna: Api, bench: Bench) -> None:
    photo_id = (await anna.upload()).json["id"]
    path = f"/api/photos/{photo_id}/retag"

    assert (await anna.post(path)).problem == (409, "in_work")
    await bench.begin()
    assert (await anna.post(path)).problem == (409, "in_work")
    assert (await anna.post(path, {"priority": "urgent"})).problem == (400, "bad_request")
    assert (await anna.post(path, X_Socket_Id="mine")).problem == (400, "bad_request")


async def test_a_dead_job_goes_when_its_photo_is_analysed_again(anna: Api, bench: Bench) -> None:
    first = (await anna.upload()).json
    await bench.fail()
    await anna.post(f"/api/photos/{first['id']}/retag")

    assert (await anna.get(f"/api/jobs/{first['jobId']}")).problem == (404, "not_found")
    assert (await anna.get("/api/jobs?state=dead")).json["items"] == []
    photo = await anna.photo(first["id"])
    assert (photo["status"], photo["error"]) == ("queued", None)


async def test_a_photo_is_removed_with_all_that_belongs_to_it(
    anna: Api, bench: Bench, keyed_gateway: Keyed
) -> None:
    photo = (await anna.upload(CAT)).json
    path = f"/api/photos/{photo['id']}"
    await bench.complete("chat")
    await anna.call("PUT", f"{path}/tags", {"tags": ["minou"]})
    await anna.post(f"{path}/retag")
    await bench.complete("chat", "tapis", phash="00ff00ff00ff00ff")
    await anna.post(f"{path}/retag")
    await bench.fail()
    name = photo["filename"].removesuffix(".jpg")
    assert len(list(keyed_gateway.blobs.rglob(f"{name}*"))) == 1
    deleted = await anna.call("DELETE", path)

    assert (deleted.status, deleted.json) == (204, None)
    assert (await anna.get(path)).problem == (404, "not_found")
    assert list(keyed_gateway.blobs.rglob(f"{name}*")) == []
    # Nothing but counters, names of tags and the answer to the upload is left.
    left = {key.decode().split(":")[2] for key in bench.client.scan_iter("{tagline:0}:*")}
    assert left <= {
        "answer", "durations", "job-sequence", "owner-statistics", "photo-sequence", "queue",
            "statistics",
        "sweep-lock", "tag-labels", "tag-names", "tag-sequence", "tag-starts",
    }  # fmt: skip
    assert bench.client.xlen("{tagline:0}:queue:tagging:dead") == 0


async def test_removing_a_photo_in_work_cancels_it_first(anna: Api, bench: Bench) -> None:
    socket_id = new_socket_id()
    headers = {"X-Socket-Id": socket_id}
    running = (await anna.upload(headers=headers)).json
    taken = await bench.begin()
    waiting = (await anna.upload(headers=headers)).json
    for photo in (running, waiting):
        assert (await anna.call("DELETE", f"/api/photos/{photo['id']}")).status == 204

    assert [(name, data["photoId"]) for name, data in bench.heard(socket_id)] == [
        ("photo:cancelled", running["id"]),
        ("photo:cancelled", waiting["id"]),
    ]
    assert taken.record is not None
    assert not await bench.tagger.step(taken.record, "ai", 30)
    assert (await bench.tagger.complete(taken, [{"fr": "chat"}])).name == "LOST"
    assert bench.queue.fetch() is None
    assert (await anna.get("/api/tags")).json["items"] == []


async def test_a_second_socket_hears_what_comes_after_it_joined(anna: Api, bench: Bench) -> None:
    first, second = new_socket_id(1), new_socket_id(2)
    photo = (await anna.upload(CAT, CAT, headers={"X-Socket-Id": first})).json["photos"][0]
    taken = await bench.begin()
    assert taken.record is not None
    await bench.tagger.step(taken.record, "analyzing", 10)
    watched = await anna.post(f"/api/photos/{photo['id']}/watch", X_Socket_Id=second)
    await bench.tagger.complete(taken, [{"fr": "chat"}])

    assert watched.status == 200
    assert (watched.json["stage"], watched.json["progress"]) == ("analyzing", 10)
    heard = [name for name, _ in bench.heard(second)]
    assert heard == ["photo:complete", "batch:progress"]
    assert [name for name, _ in bench.heard(first)][1:] == heard


async def test_a_photo_has_so_many_watchers_and_no_more(anna: Api, bench: Bench) -> None:
    path = f"/api/photos/{(await anna.upload()).json['id']}/watch"
    sockets = [new_socket_id() for _ in range(MAX_WATCHERS)]
    for socket_id in sockets:
        assert (await anna.post(path, X_Socket_Id=socket_id)).status == 200

    assert (await anna.post(path, X_Socket_Id=new_socket_id())).problem == (
        409,
        "too_many_watchers",
    )
    # One that watches may say so again; and one that is long gone makes room.
    assert (await anna.post(path, X_Socket_Id=sockets[0])).status == 200
    bench.client.delete(f"{{tagline:0}}:watched:{sockets[9]}")
    assert (await anna.post(path, X_Socket_Id=new_socket_id())).status == 200
    assert (await anna.post(path)).problem == (400, "bad_request")
