"""What an earlier version has written is read by this one: both run during an upgrade.

`golden/VERSION.json` holds the keys of a server that a gateway and a tagger of that version have
left: photo 1 is complete, photo 2 waits in the queue. A change of format adds a file and changes
none.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import redis

from shared import keys
from shared.blobs.names import original
from tests.support.api import Api
from tests.support.clients import PHOTOS
from tests.support.openai_stack import until_complete
from tests.support.processes import ServiceProcess

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
LATER = {"of_a_later_version": "1"}


def restore(client: redis.Redis, written: dict[str, Any], more: dict[str, str]) -> None:
    """Write the keys as they were; `more`: fields that hashes have besides, and streams' data."""
    for key, each in written.items():
        value = each["value"]
        match each["type"]:
            case "string":
                client.set(key, value)
            case "hash":
                ours = key.startswith((keys.photo(0)[:-1], keys.job("")))
                client.hset(key, mapping=value | (more if ours else {}))
            case "zset":
                client.zadd(key, dict(value))
            case "set":
                client.sadd(key, *value)
            case "list":
                client.rpush(key, *value)
            case "stream":
                for entry_id, fields in value:
                    client.xadd(key, fields | more, id=entry_id)


@pytest.fixture(params=[{}, LATER], ids=["as it was", "with fields of a later version"])
def more(request: pytest.FixtureRequest) -> dict[str, str]:
    given: dict[str, str] = request.param
    return given


@pytest.fixture(params=GOLDEN, ids=lambda path: path.stem)
def left(
    request: pytest.FixtureRequest, more: dict[str, str], redis_url: str, tmp_path: Path
) -> dict[str, str]:
    """The settings of services that take over what was left."""
    written = json.loads(request.param.read_text())
    with redis.Redis.from_url(redis_url) as client:
        restore(client, written, more)
    blobs = tmp_path / "blobs"
    for key, photo in ((keys.photo(1), "cat.jpg"), (keys.photo(2), "coffee.jpg")):
        path = blobs / original(written[key]["value"]["filename"])
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PHOTOS / photo, path)
    return {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": blobs.as_uri(), "TAGLINE_PROVIDER": "local"}


async def test_what_was_accepted_is_tagged_and_what_was_tagged_is_found(
    left: dict[str, str],
) -> None:
    with ServiceProcess("gateway", left) as gateway, ServiceProcess("tagger", left) as tagger:
        api = Api(gateway.wait_ready().url)
        tagger.wait_ready(timeout_s=60)
        await until_complete(gateway, [2], timeout_s=60)
        photos = (await api.get("/api/photos?tag=cat")).json["items"]
        job = (await api.get(f"/api/jobs/{photos[0]['jobId']}")).json

    assert [photo["id"] for photo in photos] == [1]
    assert {tag["name"] for tag in photos[0]["tags"]} == {"animal", "félin", "chat"}
    assert job["state"] == "complete"
