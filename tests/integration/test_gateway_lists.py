"""The list of photos: its filters, its cursor, and what it costs where little fits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared import keys
from shared.pages import MOST_COMMANDS
from shared.photos import Photos
from shared.redis import closing, connect
from shared.tags import MOST_MATCHES
from tests.support.api import Api
from tests.support.tagging import Bench


async def all_pages(api: Api, query: str, cursor: str = "") -> tuple[list[int], int]:
    """Return the ids of every page from `cursor` on, and how many pages there were."""
    ids: list[int] = []
    pages = 0
    while True:
        after = f"&cursor={cursor}" if cursor else ""
        page = (await api.get(f"/api/photos?{query}{after}")).json
        ids += [photo["id"] for photo in page["items"]]
        pages += 1
        if page["nextCursor"] is None:
            return ids, pages
        assert page["nextCursor"] != cursor
        cursor = page["nextCursor"]


async def tagged(api: Api, bench: Bench, *names: str) -> int:
    photo_id: int = (await api.upload()).json["id"]
    await bench.complete(*names)
    return photo_id


async def test_tags_narrow_the_list_together(anna: Api, bench: Bench) -> None:
    cat = await tagged(anna, bench, "chat", "animal")
    dog = await tagged(anna, bench, "chien", "animal")
    both = await tagged(anna, bench, "chien", "chat", "animal")

    assert await all_pages(anna, "tag=animal&limit=2") == ([both, dog, cat], 2)
    assert (await all_pages(anna, "tag=chat&tag=animal"))[0] == [both, cat]
    assert (await all_pages(anna, "tag=Chat&tag=CHIEN"))[0] == [both]
    assert (await all_pages(anna, "tag=chat&tag=oiseau"))[0] == []


async def test_a_tag_is_found_by_its_name_in_every_language(anna: Api, bench: Bench) -> None:
    photo_id = (await anna.upload(locale="en")).json["id"]
    await bench.tagger.complete(await bench.begin(), [{"fr": "chat", "en": "cat"}])

    assert [tag["name"] for tag in (await anna.photo(photo_id))["tags"]] == ["cat"]
    for query in ("tag=cat", "tag=chat", "q=ca", "q=CHA"):
        assert (await all_pages(anna, query))[0] == [photo_id]


async def test_a_search_matches_the_start_of_any_tag(anna: Api, bench: Bench) -> None:
    castle = await tagged(anna, bench, "château")
    cat = await tagged(anna, bench, "chat", "félin")
    purchase = await tagged(anna, bench, "achat")

    assert (await all_pages(anna, "q=CH%C3%82te"))[0] == [castle]
    assert (await all_pages(anna, "q=ch%C3%A2"))[0] == [cat, castle]
    assert (await all_pages(anna, "q=ch"))[0] == [cat, castle]
    assert (await all_pages(anna, "q=ch&tag=f%C3%A9lin"))[0] == [cat]
    assert (await all_pages(anna, "q=hat"))[0] == []
    assert (await all_pages(anna, "q=%20"))[0] == [purchase, cat, castle]
    assert (await all_pages(anna, "q=!!!"))[0] == []  # no name starts so


async def test_a_search_finds_a_tag_by_what_a_photo_calls_it(anna: Api, bench: Bench) -> None:
    photo_id = await tagged(anna, bench, "chat")
    await anna.call("PUT", f"/api/photos/{photo_id}/tags", {"tags": ["chats"]})

    assert [tag["name"] for tag in (await anna.photo(photo_id))["tags"]] == ["chats"]
    assert (await all_pages(anna, "q=chats"))[0] == [photo_id]


async def test_a_search_takes_every_tag_into_account_or_says_that_they_are_too_many(
    anna: Api, bench: Bench
) -> None:
    names = [f"a{number:04}" for number in range(MOST_MATCHES)]
    found = [await tagged(anna, bench, *names[:1000], names[-1]) for _ in range(12)]
    found += [await tagged(anna, bench, names[-1], "chat"), await tagged(anna, bench, *names)]
    await tagged(anna, bench, "chien")

    assert (await all_pages(anna, "q=a&limit=5"))[0] == found[::-1]
    assert (await all_pages(anna, "q=a1&tag=chat"))[0] == [found[-2]]

    await tagged(anna, bench, "axolotl")
    answer = await anna.get("/api/photos?q=a")
    assert answer.problem == (400, "search_too_wide")
    assert "type more letters" in answer.json["detail"]
    assert (await all_pages(anna, "q=a1999"))[0] == found[::-1]


async def test_a_status_narrows_the_list(anna: Api, bench: Bench) -> None:
    ids = [(await anna.upload()).json["id"] for _ in range(4)]
    await bench.complete("chat")
    await bench.fail()
    await bench.begin()

    for status, expected in (
        ("complete", ids[0]), ("error", ids[1]), ("processing", ids[2]), ("queued", ids[3])
    ):  # fmt: skip
        assert (await all_pages(anna, f"status={status}"))[0] == [expected]
    assert (await all_pages(anna, "status=cancelled"))[0] == []
    assert (await all_pages(anna, "status=complete&tag=chat"))[0] == [ids[0]]
    assert (await all_pages(anna, "status=error&tag=chat"))[0] == []


async def test_a_cursor_stays_where_it_is_while_photos_come_and_go(anna: Api, bench: Bench) -> None:
    ids = [(await anna.upload()).json["id"] for _ in range(6)]
    first = (await anna.get("/api/photos?limit=2")).json
    await anna.upload()
    await anna.call("DELETE", f"/api/photos/{ids[4]}")
    await anna.call("DELETE", f"/api/photos/{ids[3]}")
    rest, _ = await all_pages(anna, "limit=2", first["nextCursor"])

    assert [photo["id"] for photo in first["items"]] == [ids[5], ids[4]]
    assert rest == [ids[2], ids[1], ids[0]]


async def test_a_page_that_came_short_goes_on(anna: Api, bench: Bench) -> None:
    """Where few photos fit, a page looks at a bounded number and says where to go on."""
    found = await tagged(anna, bench, "chat", "animal")
    # Given more photos than a page may ask, each with one of the tags
    many = [str(found + i) for i in range(1, 2 * MOST_COMMANDS + 1)]
    groups = {
        keys.photos("anna"): many,
        keys.tag_photos("anna", 1): many[::2],
        keys.tag_photos("anna", 2): many[1::2],
    }
    for key, members in groups.items():
        bench.client.zadd(key, {member: int(member) for member in members})

    ids, pages = await all_pages(anna, "tag=chat&tag=animal")

    assert ids == [found]
    assert pages == 2
    for key, members in groups.items():
        bench.client.zrem(key, *members)


@pytest.mark.parametrize("tags", [300, 2_000])
async def test_a_search_that_matches_many_tags_costs_few_commands(
    redis_url: str, tags: int
) -> None:
    # Given photos that carry three of many tags each, but for the newest
    carried = {i: [i * 7 % tags, i * 11 % tags, i * 13 % tags] for i in range(1, 3_001)}
    carried |= {i: [tags] for i in range(3_001, 3_501)}
    async with closing(connect(redis_url)) as client:
        async with client.pipeline(transaction=False) as pipeline:
            for i, ids in carried.items():
                pipeline.hset(keys.photo(i), mapping={"id": i, "tag_ids": json.dumps(ids)})
                for key in {keys.photos(""), *(keys.tag_photos("", tag) for tag in ids)}:
                    pipeline.zadd(key, {str(i): i})
            await pipeline.execute()
        photos = Photos(client, retention_s=600)
        # Of many groups the smallest is walked, and no tag of the others costs a command
        for groups in ([range(tags)], [range(tags), [0, 1, 2]], [[0, 1], range(tags), [2, 3, 4]]):
            fit = [i for i, ids in carried.items() if all(set(ids) & set(g) for g in groups)]
            found: list[int] = []
            before = ""
            while True:
                await client.config_resetstat()
                page = await photos.page(
                    "", before=before, limit=50, tags=[list(group) for group in groups]
                )
                asked = await client.info("commandstats")
                calls = sum(asked[f"cmdstat_{name}"]["calls"] for name in ("zcard", "zrange"))
                assert calls < 2 * tags + 200
                assert asked.get("cmdstat_zscore", {"calls": 0})["calls"] <= MOST_COMMANDS
                found += [record.id for record in page.items]
                if not page.next:
                    break
                before = page.next

            # I expect those that fit, in their order, each once
            assert found == sorted(fit, reverse=True)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=-1", "status=done", "tag=", "order=up"],
)
async def test_a_parameter_that_makes_no_sense_is_refused(anna: Api, query: str) -> None:
    assert (await anna.get(f"/api/photos?{query}")).problem == (400, "bad_request")


async def test_a_key_sees_its_own_photos_and_tags_only(anna: Api, ben: Api, bench: Bench) -> None:
    mine = await tagged(anna, bench, "chat")
    theirs = await tagged(ben, bench, "chat")

    assert (await all_pages(anna, "tag=chat"))[0] == [mine]
    assert (await all_pages(ben, "tag=chat"))[0] == [theirs]
    counted: list[dict[str, Any]] = (await ben.get("/api/tags")).json["items"]
    assert [(tag["name"], tag["count"]) for tag in counted] == [("chat", 1)]
