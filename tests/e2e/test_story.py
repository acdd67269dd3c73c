"""The main job: three real processes, a real photograph, real sockets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS, get, socket_io, upload, websocket
from tests.support.openai_stack import until_complete

ANSWER_FIELDS = {"id", "filename", "tags", "processing", "jobId", "message"}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


async def test_a_cat_is_tagged_in_french_while_its_owner_watches(
    redis_url: str, tmp_path: Path, cache: Path
) -> None:
    with running_stack(redis_url, tmp_path, cache) as stack:
        async with websocket(stack.notifier.url) as heard:
            status, answer = await upload(
                stack.gateway.url, PHOTOS / "cat.jpg", headers={"X-Socket-Id": heard.socket_id}
            )
            await heard.until("photo:complete")

        assert status == 202
        assert set(answer) == ANSWER_FIELDS
        assert answer["tags"] == []
        assert answer["processing"] is True
        assert answer["message"] == "Photo uploadée, analyse en cours..."
        assert heard.steps() == ["connected", 10, 30, 70, 100, "photo:complete"]
        stages = [data.get("stage") for _, data in heard.events[1:5]]
        assert stages == ["analyzing", "ai", "saving", "done"]
        assert heard.events[1][1] == {
            "photoId": answer["id"],
            "jobId": answer["jobId"],
            "stage": "analyzing",
            "progress": 10,
            "message": "Analyse de l'image en cours...",
            "attempt": 1,
        }
        complete = heard.events[-1][1]
        assert complete["message"] == "Photo analysée avec succès! 3 tags générés."
        assert "chat" in [tag["name"] for tag in complete["photo"]["tags"]]

        # What the event says of the photo is what HTTP says of it.
        found, photo = await get(f"{stack.gateway.url}/api/photos/{answer['id']}")
        assert found == 200
        assert photo == complete["photo"]
        assert photo["status"] == "complete"
        assert photo["provider"] == "local"


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_socket_io_client_hears_the_same_in_english(
    redis_url: str, tmp_path: Path, cache: Path, transport: str
) -> None:
    with running_stack(redis_url, tmp_path, cache) as stack:
        async with socket_io(stack.notifier.url, transport) as heard:
            _, answer = await upload(
                stack.gateway.url, PHOTOS / "cat.jpg", socketId=heard.socket_id, locale="en"
            )
            await heard.until("photo:complete")

        assert answer["message"] == "Photo uploaded, analysis in progress..."
        assert heard.steps() == [10, 30, 70, 100, "photo:complete"]
        assert "cat" in [tag["name"] for tag in heard.events[-1][1]["photo"]["tags"]]


async def test_a_truncated_photo_ends_as_an_error_once(
    redis_url: str, tmp_path: Path, cache: Path
) -> None:
    with running_stack(redis_url, tmp_path, cache) as stack:
        async with websocket(stack.notifier.url) as heard:
            cut = (PHOTOS / "cat.jpg").read_bytes()[:20_000]
            status, answer = await upload(
                stack.gateway.url, cut, headers={"X-Socket-Id": heard.socket_id}
            )
            await heard.until("photo:error")

        assert status == 202
        assert heard.steps() == ["connected", 10, "photo:error"]
        error = heard.events[-1][1]
        assert error["code"] == "bad_image"
        assert error["message"] == "Erreur lors de l'analyse de la photo"
        assert error["attempts"] == 1
        _, photo = await get(f"{stack.gateway.url}/api/photos/{answer['id']}")
        assert photo["status"] == "error"
        assert photo["processing"] is False
        assert photo["error"]["code"] == "bad_image"


async def test_a_socket_that_was_cut_off_gets_what_it_missed(
    redis_url: str, tmp_path: Path, cache: Path
) -> None:
    with running_stack(redis_url, tmp_path, cache) as stack:
        async with websocket(stack.notifier.url) as heard:
            pass
        position = heard.ids[0]
        # Given a socket that is gone before anything happens to its photo
        await upload(
            stack.gateway.url, PHOTOS / "cat.jpg", headers={"X-Socket-Id": heard.socket_id}
        )
        # When it comes back, on a notifier that has died in between
        stack.notifier.kill()
        stack.notifier.start().wait_ready()
        async with websocket(
            stack.notifier.url, socketId=heard.socket_id, lastEventId=position
        ) as again:
            await again.until("photo:complete")

        # I expect everything, once, in order
        assert again.events[0][1] == {"socketId": heard.socket_id, "resumed": True}
        assert again.ids[0] == position
        assert again.steps() == ["connected", 10, 30, 70, 100, "photo:complete"]


async def test_a_position_the_server_never_held_is_answered_with_a_snapshot(
    redis_url: str, tmp_path: Path, cache: Path
) -> None:
    with running_stack(redis_url, tmp_path, cache) as stack:
        async with websocket(stack.notifier.url) as heard:
            _, answer = await upload(
                stack.gateway.url, PHOTOS / "cat.jpg", headers={"X-Socket-Id": heard.socket_id}
            )
            await heard.until("photo:complete")
        unknown = "99999999999999-0"
        async with websocket(
            stack.notifier.url, socketId=heard.socket_id, lastEventId=unknown
        ) as again:
            await again.until("resync")

        assert again.events[0][1] == {"socketId": heard.socket_id, "resumed": False}
        resync = again.events[1][1]
        assert resync["reason"] == "unknown_position"
        assert [photo["id"] for photo in resync["photos"]] == [answer["id"]]
        assert resync["photos"][0]["status"] == "complete"


async def test_a_photo_outlives_the_tagger_that_had_begun_it(
    redis_url: str, tmp_path: Path, cache: Path
) -> None:
    from tests.support.openai_server import OpenAIServer

    async with OpenAIServer(delay_s=60) as openai:
        settings = {
            "OPENAI_API_KEY": openai.key,
            "OPENAI_BASE_URL": openai.url,
            "TAGLINE_CLAIM_AFTER_MS": "1000",
        }
        with running_stack(redis_url, tmp_path, cache, settings) as stack:
            async with websocket(stack.notifier.url) as heard:
                await upload(
                    stack.gateway.url, PHOTOS / "cat.jpg", headers={"X-Socket-Id": heard.socket_id}
                )
                await heard.until("photo:progress", stage="ai")
                stack.tagger.kill()
                openai.delay_s = 0
                stack.tagger.start()
                await heard.until("photo:complete")

            names = [name for name, _ in heard.events]
            assert names.count("photo:complete") == 1
            assert heard.steps() == ["connected", 10, 30, 10, 30, 70, 100, "photo:complete"]
            assert [data.get("attempt") for _, data in heard.events[1:-1]] == [1, 1, 2, 2, 2, 2]


async def test_a_wrong_key_ends_the_photo_at_once(
    redis_url: str, tmp_path: Path, cache: Path
) -> None:
    from tests.support.openai_server import OpenAIServer

    async with OpenAIServer() as openai:
        settings = {"OPENAI_API_KEY": "sk-wrong", "OPENAI_BASE_URL": openai.url}
        with running_stack(redis_url, tmp_path, cache, settings) as stack:
            async with websocket(stack.notifier.url) as heard:
                await upload(
                    stack.gateway.url, PHOTOS / "cat.jpg", headers={"X-Socket-Id": heard.socket_id}
                )
                await heard.until("photo:error")

            assert heard.steps() == ["connected", 10, 30, "photo:error"]
            error = heard.events[-1][1]
            assert error["error"] == "OpenAI API error"
            assert error["code"] == "provider_auth"
            assert error["attempts"] == 1
            assert "sk-wrong" not in json.dumps(heard.events)
            assert "sk-wrong" not in stack.tagger.output


async def test_everything_is_still_there_after_a_stop(
    redis_url: str, tmp_path: Path, cache: Path
) -> None:
    with running_stack(redis_url, tmp_path, cache) as stack:
        async with websocket(stack.notifier.url) as heard:
            _, done = await upload(
                stack.gateway.url, PHOTOS / "cat.jpg", headers={"X-Socket-Id": heard.socket_id}
            )
            await heard.until("photo:complete")
        assert stack.tagger.terminate() == 0
        # Given a photo that nobody has begun
        _, waiting = await upload(stack.gateway.url, PHOTOS / "coffee.jpg")
        assert stack.gateway.terminate() == 0
        assert stack.notifier.terminate() == 0

    with running_stack(redis_url, tmp_path, cache) as stack:
        _, photo = await get(f"{stack.gateway.url}/api/photos/{done['id']}")
        assert "chat" in [tag["name"] for tag in photo["tags"]]
        await until_complete(stack.gateway, [waiting["id"]], timeout_s=30)
