"""Jobs: listed by state, told with their attempts, cancelled, tried again, dropped."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.jobs import JobRoutes
from shared.jobs import JobRecord, Jobs
from shared.redis import closing, connect
from tests.support.api import Api, new_socket_id
from tests.support.gateway_app import serving
from tests.support.tagging import Bench, submit


class Overtaken(Jobs):
    """The jobs, while somebody else is quicker."""

    async def revive(self, job: JobRecord) -> bool:
        await super().revive(job)
        return await super().revive(job)


async def listed(api: Api, state: str | None = None) -> list[int]:
    query = f"?state={state}" if state else ""
    items: list[dict[str, Any]] = (await api.get(f"/api/jobs{query}")).json["items"]
    assert all(item["state"] == state for item in items) or state is None
    return [item["photoId"] for item in items]


async def test_jobs_are_listed_by_state_newest_first(anna: Api, bench: Bench) -> None:
    dead, delayed, active, first, last = [(await anna.upload()).json["id"] for _ in range(5)]
    await bench.fail()
    await bench.tagger.retry(await bench.begin(), delay_ms=3_600_000)
    await bench.begin()

    assert await listed(anna, "dead") == [dead]
    assert await listed(anna, "delayed") == [delayed]
    assert await listed(anna, "active") == [active]
    assert await listed(anna, "waiting") == [last, first]
    assert await listed(anna) == [last, first, active, delayed, dead]
    page = (await anna.get("/api/jobs?limit=3")).json
    rest = (await anna.get(f"/api/jobs?limit=3&cursor={page['nextCursor']}")).json
    assert [job["photoId"] for job in rest["items"]] == [delayed, dead]
    assert rest["nextCursor"] is None
    assert (await anna.get("/api/jobs?state=complete")).problem == (400, "bad_request")


async def test_a_job_tells_its_attempts(anna: Api, bench: Bench) -> None:
    photo = (await anna.upload()).json
    path = f"/api/jobs/{photo['jobId']}"
    waiting = (await anna.get(path)).json
    # Given an attempt that failed, one whose worker stopped, and one that completes
    await bench.tagger.retry(await bench.begin(), delay_ms=0)
    assert (await anna.get(path)).json["state"] == "waiting"  # due at once
    bench.queue.give_back(await bench.begin())
    await bench.begin()
    active = (await anna.get(path)).json

    assert (waiting["attempt"], waiting["startedAt"], waiting["attempts"]) == (0, None, [])
    assert waiting["photoId"] == photo["id"]
    assert (waiting["queue"], waiting["priority"]) == ("tagging", "normal")
    assert (active["state"], active["attempt"]) == ("active", 3)
    assert [each["result"] for each in active["attempts"]] == ["retry", "lost", None]
    assert [each["attempt"] for each in active["attempts"]] == [1, 2, 3]
    assert active["attempts"][0]["endedAt"] >= active["attempts"][0]["startedAt"]
    assert active["endedAt"] is None


async def test_a_waiting_job_is_cancelled_and_never_starts(anna: Api, bench: Bench) -> None:
    socket_id = new_socket_id()
    photo = (await anna.upload(headers={"X-Socket-Id": socket_id})).json
    path = f"/api/jobs/{photo['jobId']}/cancel"
    cancelled = await anna.post(path)

    assert cancelled.status == 202
    assert cancelled.json["state"] == "cancelled"
    assert (await anna.post(path)).problem == (409, "job_ended")
    assert bench.queue.fetch() is None
    assert bench.heard(socket_id) == [
        ("photo:cancelled", {"photoId": photo["id"], "message": "Analyse annulée"})
    ]
    found = await anna.photo(photo["id"])
    assert (found["status"], found["processing"], found["stage"]) == ("cancelled", False, None)


async def test_a_delayed_and_a_running_job_are_cancelled(anna: Api, bench: Bench) -> None:
    delayed = (await anna.upload()).json
    await bench.tagger.retry(await bench.begin(), delay_ms=0)
    assert (await anna.post(f"/api/jobs/{delayed['jobId']}/cancel")).status == 202
    assert bench.queue.fetch() is None

    running = (await anna.upload()).json
    taken = await bench.begin()
    cancelled = await anna.post(f"/api/jobs/{running['jobId']}/cancel")
    assert cancelled.json["attempts"][0]["result"] == "lost"
    assert (await bench.tagger.complete(taken, [{"fr": "chat"}])).name == "LOST"
    assert (await anna.photo(running["id"]))["tags"] == []


async def test_a_job_that_has_ended_is_not_cancelled(anna: Api, bench: Bench) -> None:
    complete = (await anna.upload()).json
    await bench.complete("chat")
    dead = (await anna.upload()).json
    await bench.fail()
    before = (await anna.upload()).json
    await bench.complete("chat")
    await anna.post(f"/api/photos/{before['id']}/retag")

    for job_id in (complete["jobId"], dead["jobId"], before["jobId"]):
        assert (await anna.post(f"/api/jobs/{job_id}/cancel")).problem == (409, "job_ended")
    assert (await anna.photo(before["id"]))["status"] == "queued"


async def test_a_dead_job_is_tried_again(anna: Api, bench: Bench) -> None:
    socket_id = new_socket_id()
    photo = (await anna.upload(headers={"X-Socket-Id": socket_id})).json
    await bench.fail()
    path = f"/api/jobs/{photo['jobId']}"
    dead = (await anna.get(path)).json
    assert (dead["state"], dead["error"]["code"]) == ("dead", "bad_image")
    revived = await anna.post(f"{path}/retry")

    assert revived.status == 202
    assert (revived.json["state"], revived.json["attempt"]) == ("waiting", 1)
    assert (await anna.post(f"{path}/retry")).problem == (409, "job_not_dead")
    found = await anna.photo(photo["id"])
    assert (found["status"], found["error"]) == ("queued", None)
    assert bench.client.xlen("{tagline:0}:queue:tagging:dead") == 0
    await bench.complete("chat")
    done = (await anna.get(path)).json
    assert [each["result"] for each in done["attempts"]] == ["error", "complete"]
    assert done["error"] is None
    names = [name for name, _ in bench.heard(socket_id)]
    assert names == ["photo:error", "photo:complete"]


async def test_who_comes_second_hears_what_the_first_has_done(bench: Bench, redis_url: str) -> None:
    accepted = await submit(bench.photos)
    await bench.fail()

    async with closing(connect(redis_url)) as client:
        routes = JobRoutes(Overtaken(client, retention_s=600), bench.photos).routes()
        async with serving(routes) as url:
            answer = await Api(url).post(f"/api/jobs/{accepted.photos[0].job_id}/retry")

    assert answer.problem == (409, "job_not_dead")
    assert answer.json["detail"] == "The job is not dead but waiting"


async def test_a_dead_job_is_dropped_and_its_photo_stays(anna: Api, bench: Bench) -> None:
    photo = (await anna.upload()).json
    path = f"/api/jobs/{photo['jobId']}"
    assert (await anna.call("DELETE", path)).problem == (409, "job_not_dead")
    await bench.fail()

    assert (await anna.call("DELETE", path)).status == 204
    assert (await anna.get(path)).problem == (404, "not_found")
    assert (await anna.call("DELETE", path)).problem == (404, "not_found")
    assert await listed(anna, "dead") == []
    assert (await anna.photo(photo["id"]))["status"] == "error"
    # It can be analysed again all the same, and removed.
    assert (await anna.post(f"/api/photos/{photo['id']}/retag")).status == 202
    assert (await anna.call("DELETE", f"/api/photos/{photo['id']}")).status == 204


@pytest.mark.parametrize(
    ("method", "route"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry")]
)
async def test_a_job_of_another_key_is_not_there(
    anna: Api, ben: Api, bench: Bench, method: str, route: str
) -> None:
    photo = (await anna.upload()).json

    answer = await ben.call(method, f"/api/jobs/{photo['jobId']}{route}")
    assert answer.problem == (404, "not_found")
    assert (await ben.get("/api/jobs")).json["items"] == []
    assert (await anna.get(f"/api/jobs/{photo['jobId']}")).json["state"] == "waiting"


def test_whether_a_job_is_due_is_a_matter_of_the_servers_clock() -> None:
    fields = {"state": "delayed", "due_at_ms": "2000"}

    assert JobRecord(fields, now_ms=1999).state == "delayed"
    assert JobRecord(fields, now_ms=2000).state == "waiting"
