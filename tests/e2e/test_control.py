"""Control of the work, on real processes: cancelled, tried again, taken in order, followed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from dramatiq import Message

from shared import keys
from shared.broker import QueueKeys
from shared.commands import TAG_PHOTO
from tests.e2e.stack import Stack, running_stack
from tests.support.api import CAT, COFFEE, Answer, Api, picture
from tests.support.clients import Heard, websocket
from tests.support.invariants import check
from tests.support.openai_server import OpenAIServer, api_error
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until


@dataclass(frozen=True)
class Scene:
    """The services on a stand-in for OpenAI, and a client that hears of what it uploads."""

    stack: Stack
    openai: OpenAIServer
    api: Api
    heard: Heard

    async def upload(self, *photos: Path | bytes, **fields: str) -> dict[str, Any]:
        headers = {"X-Socket-Id": self.heard.socket_id}
        answer = await self.api.upload(*photos, headers=headers, **fields)
        assert answer.status == 202
        return dict(answer.json)

    async def cancel(self, photo: Mapping[str, Any]) -> Answer:
        return await self.api.post(f"/api/jobs/{photo['jobId']}/cancel")

    def of(self, photo: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """What was heard of a photo."""
        events = self.heard.events
        return [(name, data) for name, data in events if data.get("photoId") == photo["id"]]

    async def until(self, photo: Mapping[str, Any], event: str) -> dict[str, Any]:
        """Wait until a photo has an event; return its data."""
        await wait_until(lambda: event in dict(self.of(photo)), timeout_s=30, what=event)
        return dict(self.of(photo))[event]


@asynccontextmanager
async def scene(
    redis_url: str, folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Scene]:
    """At the end nothing is left to do, and all indexes agree with the records."""
    async with OpenAIServer() as openai:
        environment = {"OPENAI_API_KEY": openai.key, "OPENAI_BASE_URL": openai.url}
        with running_stack(redis_url, folder, folder, {**environment, **(settings or {})}) as stack:
            async with websocket(stack.notifier.url) as heard:
                yield Scene(stack, openai, Api(stack.gateway.url), heard)
            stack.tagger.terminate()
    with redis.Redis.from_url(redis_url) as client:
        check(client)


async def test_a_job_is_cancelled_wherever_it_is(redis_url: str, tmp_path: Path) -> None:
    async with scene(redis_url, tmp_path, {"TAGLINE_THREADS": "1"}) as at:
        # Given a photo in the middle of the provider's call, and one that waits behind it
        at.openai.delay_s = 60
        running = await at.upload(CAT)
        await wait_until(lambda: at.openai.in_flight == 1, timeout_s=30)
        waiting = await at.upload(COFFEE)

        # If both are cancelled, I expect the call to be given up, not waited for
        assert (await at.cancel(waiting)).status == 202
        assert (await at.cancel(running)).status == 202
        await wait_until(lambda: at.openai.in_flight == 0, timeout_s=10)

        # Given one that waits for another try
        at.openai.delay_s = 0
        at.openai.replies.extend([api_error(500)])
        delayed = await at.upload(CAT)
        await at.until(delayed, "photo:retrying")
        assert (await at.cancel(delayed)).json["state"] == "cancelled"

        # The next photo is tagged; of the others nothing more is heard.
        await at.until(await at.upload(COFFEE), "photo:complete")
        for photo in (running, waiting, delayed):
            names = [name for name, _ in at.of(photo)]
            assert names[-1] == "photo:cancelled"
            assert names.count("photo:cancelled") == 1
            assert (await at.cancel(photo)).status == 409
            assert (await at.api.photo(photo["id"]))["tags"] == []
        assert len(at.openai.requests) == 3


async def test_a_dead_job_is_tried_again_once_the_provider_is_well(
    redis_url: str, tmp_path: Path
) -> None:
    async with scene(redis_url, tmp_path, {"TAGLINE_MAX_ATTEMPTS": "1"}) as at:
        # Given a photo that failed by a provider that is down, and one by a wrong key
        at.openai.replies.append(api_error(500))
        down = await at.upload(CAT)
        assert (await at.until(down, "photo:error"))["code"] == "provider_unavailable"
        key, at.openai.key = at.openai.key, "sk-another"
        refused = await at.upload(COFFEE)
        assert (await at.until(refused, "photo:error"))["code"] == "provider_auth"
        at.openai.key = key
        dead = (await at.api.get("/api/jobs?state=dead")).json["items"]
        assert [job["error"]["code"] for job in dead] == ["provider_auth", "provider_unavailable"]

        # If they are tried again
        for photo in (down, refused):
            assert (await at.api.post(f"/api/jobs/{photo['jobId']}/retry")).status == 202
            done = await at.until(photo, "photo:complete")
            assert done["photo"]["status"] == "complete"

            # I expect the second attempt to be told as such
            job = (await at.api.get(f"/api/jobs/{photo['jobId']}")).json
            assert [each["result"] for each in job["attempts"]] == ["error", "complete"]
            assert {data["attempt"] for name, data in at.of(photo) if name == "photo:progress"} == {
                1, 2,
            }  # fmt: skip


async def test_a_batch_is_followed_to_its_end(redis_url: str, tmp_path: Path) -> None:
    async with scene(redis_url, tmp_path) as at:
        truncated = CAT.read_bytes()[:20_000]
        batch = await at.upload(CAT, COFFEE, truncated)
        await at.heard.until("batch:complete")

        told = [(n, d) for n, d in at.heard.events if n.startswith("batch:")]
        assert [name for name, _ in told] == ["batch:progress"] * 3 + ["batch:complete"]
        assert told[-1][1] == {
            "batchId": batch["batchId"], "total": 3, "complete": 2, "failed": 1, "cancelled": 0,
        }  # fmt: skip
        assert at.heard.events[-1][0] == "batch:complete"
        for photo in batch["photos"]:
            assert {data["batchId"] for _, data in at.of(photo)} == {batch["batchId"]}
        found = (await at.api.get(f"/api/batches/{batch['batchId']}")).json
        assert {k: v for k, v in found.items() if k != "photos"} == told[-1][1]


async def test_a_high_photo_is_next_and_those_behind_know_their_place(
    redis_url: str, tmp_path: Path
) -> None:
    settings = {"TAGLINE_THREADS": "1"}
    async with scene(redis_url, tmp_path, settings) as at:
        # Given photos of low priority that wait behind one
        at.openai.delay_s = 0.1
        low = [await at.upload(picture(i), priority="low") for i in range(30)]
        batch = await at.upload(*[picture(i) for i in range(30, 60)], priority="low")
        low += batch["photos"]
        await at.until(low[0], "photo:progress")

        # If one of high priority comes
        begun_before = len(at.openai.requests)
        high = await at.upload(COFFEE, priority="high")
        await at.until(high, "photo:complete")

        # I expect it to start before all of them but the one in work
        assert len(at.openai.requests) - begun_before <= 3
        await at.until(low[-1], "photo:complete")
        last = [data for name, data in at.of(low[-1]) if name == "photo:progress"]
        queued = [data for data in last if data["stage"] == "queued"]
        assert last[: len(queued)] == queued
        positions = [data["position"] for data in queued]
        assert positions == sorted(set(positions), reverse=True)
        assert {data["progress"] for data in queued} == {0}
        assert queued[-1]["etaSeconds"] > 0


async def test_an_attempt_whose_tagger_was_killed_is_told_as_lost(
    redis_url: str, tmp_path: Path
) -> None:
    async with scene(redis_url, tmp_path, {"TAGLINE_CLAIM_AFTER_MS": "1000"}) as at:
        at.openai.delay_s = 60
        photo = await at.upload(CAT)
        await wait_until(lambda: at.openai.in_flight == 1, timeout_s=30)
        at.stack.tagger.kill()
        at.openai.delay_s = 0
        at.stack.tagger.start()
        await at.until(photo, "photo:complete")

        job = (await at.api.get(f"/api/jobs/{photo['jobId']}")).json
        assert [each["result"] for each in job["attempts"]] == ["lost", "complete"]
        assert (job["state"], job["attempt"], job["error"]) == ("complete", 2, None)
        assert job["attempts"][1]["providerCalls"] == 1


async def test_a_photo_that_has_waited_too_long_is_not_begun(
    redis_url: str, tmp_path: Path
) -> None:
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_CACHE_DIR": str(tmp_path),
        "TAGLINE_MAX_AGE_S": "0.2",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    with (
        ServiceProcess("gateway", environment) as gateway,
        ServiceProcess("tagger", environment) as tagger,
    ):
        api = Api(gateway.wait_ready().url)
        tagger.wait_ready()
        await api.post("/api/queues/tagging/pause")
        photo = (await api.upload(CAT)).json
        await asyncio.sleep(0.3)  # it is time itself that has to pass
        await api.post("/api/queues/tagging/resume")
        url = f"/api/photos/{photo['id']}"

        async def ended() -> bool:
            return bool((await api.get(url)).json["status"] == "error")

        await wait_until(ended, timeout_s=30)
        assert (await api.photo(photo["id"]))["error"]["code"] == "expired"


async def test_a_message_that_means_nothing_is_a_dead_letter_and_harms_nobody(
    redis_url: str, tmp_path: Path
) -> None:
    # Given a message to the tagger that names no photo
    queue = QueueKeys.of(keys.SHARD, keys.TAGGING_QUEUE)
    odd: Message[None] = Message(keys.TAGGING_QUEUE, TAG_PHOTO, (), {"photo_id": "x"}, {})
    with redis.Redis.from_url(redis_url) as client:
        client.xadd(queue.stream("high"), {"m": odd.encode()})
    async with scene(redis_url, tmp_path) as at:
        photo = await at.upload(CAT)
        await at.until(photo, "photo:complete")

        async def buried() -> bool:
            (state,) = (await at.api.get("/api/queues")).json["items"]
            return bool(state["dead"] == 1 and state["active"] == 0)

        await wait_until(buried, timeout_s=20, what="it is a dead letter")
        with redis.Redis.from_url(redis_url) as client:
            client.delete(queue.dead)  # no photo's, so that all else must agree
