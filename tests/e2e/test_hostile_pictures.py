"""Text in a picture is no instruction: sixty that give some, and a model that obeys every one."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import orjson
from PIL import Image

from shared import keys
from shared.redis import closing, connect
from tests.e2e.stack import Stack, running_stack
from tests.support import hostile
from tests.support.clients import PHOTOS, get, upload
from tests.support.openai_server import OpenAIServer, Reply
from tests.support.waiting import wait_until

ENDS = {"provider_bad_answer", "provider_refused", "provider_rejected"}


async def ended(stack: Stack, photo_id: int) -> dict[str, Any]:
    """A photo once it has ended."""
    found: dict[str, Any] = {}

    async def has() -> bool:
        nonlocal found
        found = (await get(f"{stack.gateway.url}/api/photos/{photo_id}"))[1]
        return not found["processing"]

    await wait_until(has, timeout_s=90, what=f"photo {photo_id} has ended")
    return found


def is_clean(name: str) -> bool:
    """Whether a tag's name is of letters, digits and a few signs, and not long."""
    kinds = {unicodedata.category(char)[0] for char in name if char not in " -'\u2019&./+#"}
    return 0 < len(name) <= 64 and kinds <= {"L", "M", "N"} and name == name.strip().lower()


def is_plain(text: str | None, chars: int) -> bool:
    return text is None or (0 < len(text) <= chars and text.isprintable() and not {*text} & {*"<>"})


async def test_whatever_a_picture_has_the_model_say_only_clean_tags_are_stored(
    redis_url: str, tmp_path: Path
) -> None:
    async with OpenAIServer() as openai, closing(connect(redis_url)) as redis:
        settings = {
            "OPENAI_API_KEY": openai.key,
            "OPENAI_BASE_URL": openai.url,
            "TAGLINE_MAX_ATTEMPTS": "1",
        }
        with running_stack(redis_url, tmp_path, tmp_path / "cache", settings) as stack:
            await _obey(openai, stack)
        await _only_clean_tags_in(redis)


async def _obey(openai: OpenAIServer, stack: Stack) -> None:
    # Given a photo of somebody else's
    _, answer = await upload(stack.gateway.url, PHOTOS / "cat.jpg")
    victim = await ended(stack, answer["id"])
    # When sixty pictures have the model obey them
    replies = hostile.answers(victim)
    seen: list[int] = []

    def obey(picture: Image.Image) -> Reply:
        seen.append(hostile.number_of(picture))
        return replies[seen[-1] % len(replies)]

    openai.obeys = obey
    ids = [
        (await upload(stack.gateway.url, hostile.photo(number)))[1]["id"]
        for number in range(hostile.COUNT)
    ]
    photos = [await ended(stack, photo_id) for photo_id in ids]

    # I expect all of them to have ended, and clean tags and plain lines in those that ended well
    assert sorted(seen) == list(range(hostile.COUNT))
    assert hostile.COUNT >= len(replies) > 45
    for photo in photos:
        assert photo["status"] == "complete" or photo["error"]["code"] in ENDS, photo
        assert len(photo["tags"]) <= 12
        assert [tag for tag in photo["tags"] if not is_clean(tag["name"])] == []
        assert all(tag["source"] == "ai" for tag in photo["tags"])
        assert all(
            tag["confidence"] is None or 0 <= tag["confidence"] <= 1 for tag in photo["tags"]
        )
        assert is_plain(photo["caption"], 500)
        assert is_plain(photo["alt"], 200)
    # What has a cat among all that is found by it
    named = [photo["id"] for photo in photos if "chat" in {tag["name"] for tag in photo["tags"]}]
    assert len(named) >= 25
    # The other's photo is as it was
    assert await ended(stack, victim["id"]) == victim


async def _only_clean_tags_in(client: Any) -> None:
    for locale in ("fr", "en"):
        stored = await client.hkeys(keys.tag_names(locale))
        assert [name for name in stored if not is_clean(name.decode())] == []
    async for key in client.scan_iter("*:photo:*"):
        assert not {*b"<>"} & {*b"".join((await client.hgetall(key)).values())}
    async for key in client.scan_iter("*:recognition:*"):
        kept = orjson.loads(await client.get(key) or b"")
        assert len(kept["tags"]) <= 12
        assert is_plain(kept["caption"], 500)
