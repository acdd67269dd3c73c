"""Photos that look alike: found by their hashes, whichever they are, and by their owner alone."""

from __future__ import annotations

import random

import redis

from shared.record import Record
from shared.redis import closing, connect
from shared.similar import MOST_DISTANCE, MOST_READ, Similar, parts
from tests.support.api import Api
from tests.support.likeness import changed, fill
from tests.support.tagging import Bench

HASH = "b15fe6465121175e"


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


async def uploaded(owner: Api, bench: Bench, phash: str | None) -> int:
    photo = (await owner.upload()).json
    await bench.complete("chat", phash=phash)
    return int(photo["id"])


async def similar(owner: Api, photo_id: int, query: str = "") -> list[tuple[int, int]]:
    answer = await owner.get(f"/api/photos/{photo_id}/similar{query}")
    assert answer.status == 200
    assert answer.json["comparable"] is True
    assert answer.json["truncated"] is False
    return [(each["photo"]["id"], each["distance"]) for each in answer.json["items"]]


async def test_photos_that_look_alike_come_the_nearest_first_and_then_the_newest(
    anna: Api, bench: Bench
) -> None:
    first = await uploaded(anna, bench, HASH)
    far = await uploaded(anna, bench, changed(HASH, *range(0, 63, 7)))
    near = await uploaded(anna, bench, changed(HASH, 0, 17, 34, 51))
    same = [await uploaded(anna, bench, HASH) for _ in range(2)]
    await uploaded(anna, bench, changed(HASH, *range(0, 64, 2)))

    assert await similar(anna, first) == [(same[1], 0), (same[0], 0), (near, 4)]
    assert await similar(anna, first, "?limit=1") == [(same[1], 0)]
    assert await similar(anna, first, "?distance=9") == [
        (same[1], 0), (same[0], 0), (near, 4), (far, 9),
    ]  # fmt: skip
    assert await similar(anna, first, "?distance=0") == [(same[1], 0), (same[0], 0)]
    answer = await anna.get(f"/api/photos/{first}/similar?distance=4&limit=3")
    assert answer.json["items"][2]["photo"] == await anna.photo(near)


async def test_a_photo_that_was_not_analysed_or_shows_a_plain_surface_is_like_no_other(
    anna: Api, bench: Bench
) -> None:
    nothing = {"items": [], "comparable": False, "truncated": False}
    plain = await uploaded(anna, bench, "")
    waiting = (await anna.upload()).json["id"]

    for photo_id in (plain, waiting):
        assert (await anna.get(f"/api/photos/{photo_id}/similar")).json == nothing


async def test_what_is_asked_wrongly_or_is_anothers_is_refused(
    anna: Api, ben: Api, bench: Bench
) -> None:
    mine = await uploaded(anna, bench, HASH)
    other = await uploaded(ben, bench, HASH)

    assert await similar(anna, mine) == []
    assert await similar(ben, other) == []
    assert (await ben.get(f"/api/photos/{mine}/similar")).problem == (404, "not_found")
    for query in ("limit=0", "limit=101", "distance=11", "distance=-1", "near=1", "limit=x"):
        answer = await anna.get(f"/api/photos/{mine}/similar?{query}")
        assert answer.problem == (400, "bad_request"), query


async def test_a_removed_photo_is_found_no_more_and_one_that_looks_otherwise_elsewhere(
    anna: Api, bench: Bench
) -> None:
    first, second, third = [await uploaded(anna, bench, HASH) for _ in range(3)]
    await anna.call("DELETE", f"/api/photos/{third}")
    assert await similar(anna, first) == [(second, 0)]

    await anna.post(f"/api/photos/{second}/retag")
    assert await similar(anna, first) == [(second, 0)]  # meanwhile, as it was
    await bench.complete("chat", phash=changed(HASH, 5))
    assert await similar(anna, first) == [(second, 1)]


async def test_of_very_many_that_look_alike_some_are_compared(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        fill(client, "", dict.fromkeys(range(1, MOST_READ + 10), HASH))
    async with closing(connect(redis_url)) as client:
        one = Record({"id": "1", "owner": "", "phash": HASH})
        found = await Similar(client).to(one, distance=8, limit=100)

    assert found.truncated
    assert [near.distance for near in found.items] == [0] * 100


def test_no_hash_within_the_distance_is_missed() -> None:
    chance = random.Random(7)
    for most in range(MOST_DISTANCE + 1):
        tried = set(parts(HASH, most))
        for _ in range(400):
            other = changed(HASH, *chance.sample(range(64), most))
            assert any(f"{i}{other[4 * i : 4 * i + 4]}" in tried for i in range(4))
    # The worst: the changed bits spread over the quarters, as evenly as they can.
    for most, spread in (
        (8, (2, 2, 2, 2)),
        (8, (3, 2, 2, 1)),
        (7, (1, 2, 2, 2)),
        (10, (3, 3, 2, 2)),
    ):
        tried = set(parts(HASH, most))
        bits = [16 * quarter + bit for quarter, n in enumerate(spread) for bit in range(n)]
        other = changed(HASH, *bits)
        assert any(f"{i}{other[4 * i : 4 * i + 4]}" in tried for i in range(4))


async def test_it_finds_what_comparing_all_of_them_finds(redis_url: str) -> None:
    chance = random.Random(3)
    hashes = {i: f"{chance.getrandbits(64):016x}" for i in range(1, 400)}
    for i in range(400, 600):
        bits = chance.sample(range(64), chance.randrange(14))
        hashes[i] = changed(hashes[1 + i % 8], *bits)
    with redis.Redis.from_url(redis_url) as client:
        fill(client, "", hashes)
    async with closing(connect(redis_url)) as client:
        finder = Similar(client)
        for photo_id in range(1, 9):
            for most in (0, 3, 6, 8, 10):
                record = Record({"id": str(photo_id), "owner": "", "phash": hashes[photo_id]})
                found = await finder.to(record, distance=most, limit=100)
                expected = sorted(
                    (distance(hashes[photo_id], each), -i)
                    for i, each in hashes.items()
                    if i != photo_id and distance(hashes[photo_id], each) <= most
                )
                assert [(near.distance, -near.photo_id) for near in found.items] == expected
