"""Tags: given by hand, kept apart from the AI's, counted for `GET /api/tags`."""

from __future__ import annotations

import pytest

from shared import keys
from shared.ending import Finish
from tests.support.api import Api, new_socket_id
from tests.support.tagging import Bench


def named(photo: dict[str, object]) -> list[tuple[str, str]]:
    tags = photo["tags"]
    assert isinstance(tags, list)
    return [(tag["name"], tag["source"]) for tag in tags]


async def put(api: Api, photo_id: int, *names: object) -> dict[str, object]:
    answer = await api.call("PUT", f"/api/photos/{photo_id}/tags", {"tags": names})
    assert answer.status == 200
    return dict(answer.json)


async def test_tags_by_hand_replace_all_others(anna: Api, bench: Bench) -> None:
    photo_id = (await anna.upload()).json["id"]
    await bench.complete("chat", "animal")

    photo = await put(anna, photo_id, " Minou ", "minou", "À  la maison")
    assert named(photo) == [("minou", "user"), ("à la maison", "user")]
    assert await anna.photo(photo_id) == photo
    assert (await anna.get("/api/photos?tag=chat")).json["items"] == []
    assert len((await anna.get("/api/photos?q=min")).json["items"]) == 1

    assert named(await put(anna, photo_id)) == []
    assert (await anna.get("/api/tags")).json["items"] == []


async def test_tags_by_hand_are_kept_by_a_new_analysis(anna: Api, bench: Bench) -> None:
    photo_id = (await anna.upload()).json["id"]
    await bench.complete("chat", "canapé")
    await put(anna, photo_id, "minou", "chat")

    await anna.post(f"/api/photos/{photo_id}/retag")
    await bench.complete("chat", "tapis")
    photo = await anna.photo(photo_id)
    # What both say is one tag, and stays the owner's.
    assert named(photo) == [("minou", "user"), ("chat", "user"), ("tapis", "ai")]

    await anna.post(f"/api/photos/{photo_id}/retag")
    await bench.fail()
    assert named(await anna.photo(photo_id)) == named(photo)


async def test_tags_given_while_the_photo_is_analysed_are_in_its_last_event(
    anna: Api, bench: Bench
) -> None:
    socket_id = new_socket_id()
    photo_id = (await anna.upload(headers={"X-Socket-Id": socket_id})).json["id"]
    taken = await bench.begin()
    await put(anna, photo_id, "minou")

    assert await bench.tagger.complete(taken, [{"fr": "chat"}]) is Finish.EDITED
    assert (await anna.photo(photo_id))["status"] == "processing"
    taken.record = await bench.photos.get(photo_id)
    assert await bench.tagger.complete(taken, [{"fr": "chat"}]) is Finish.ENDED
    photo = bench.heard(socket_id)[-1][1]["photo"]
    assert named(photo) == [("minou", "user"), ("chat", "ai")]


async def test_no_photo_gets_a_tag_that_its_name_has_left(anna: Api, bench: Bench) -> None:
    tagger, sky, cat = bench.tagger, {"fr": "ciel"}, {"fr": "chat"}
    [older] = await tagger.tags.name([{"en": "cat"}], locale="en")
    await anna.upload()
    await bench.complete("ciel", "chat")
    photo_id = (await anna.upload()).json["id"]
    taken = await bench.begin()

    # It proves to be one with an older tag.
    assert await tagger.tags.name([{**cat, "en": "cat"}], locale="fr") == [older]
    before = bench.client.hgetall(keys.photo(photo_id))
    assert await tagger.complete(taken, [sky, cat]) is Finish.MOVED
    assert bench.client.hgetall(keys.photo(photo_id)) == before
    tagger.naming.forget()
    assert await tagger.complete(taken, [sky, cat]) is Finish.ENDED

    assert [tag["id"] for tag in (await anna.photo(photo_id))["tags"]][1] == older
    for query in ("tag=chat", "tag=cat", "q=ca"):
        photos = (await anna.get(f"/api/photos?{query}")).json["items"]
        assert photo_id in [photo["id"] for photo in photos]


async def test_a_server_that_comes_anew_hears_all_names_of_a_tag(anna: Api, bench: Bench) -> None:
    tagger, cat = bench.tagger, {"fr": "chat", "en": "cat"}
    await anna.upload()
    assert await tagger.complete(await bench.begin(), [cat]) is Finish.ENDED

    bench.client.flushdb()
    # The same name, and by chance the same id; but nobody has said what it is in English.
    photo_id = (await anna.upload()).json["id"]
    await put(anna, photo_id, "chat")
    taken = await bench.begin()
    assert await tagger.complete(taken, [cat]) is Finish.MOVED
    tagger.naming.forget()
    assert await tagger.complete(taken, [cat]) is Finish.ENDED

    photos = (await anna.get("/api/photos?tag=cat")).json["items"]
    assert [photo["id"] for photo in photos] == [photo_id]


async def test_an_attempt_that_fails_ends_the_photo_though_tags_were_given_meanwhile(
    anna: Api, bench: Bench
) -> None:
    photo_id = (await anna.upload()).json["id"]
    taken = await bench.begin()
    await put(anna, photo_id, "minou")

    assert await bench.tagger.fail(taken) is Finish.ENDED
    photo = await anna.photo(photo_id)
    assert (photo["status"], named(photo)) == ("error", [("minou", "user")])


async def test_a_tag_by_hand_is_in_the_language_of_its_photo(anna: Api, bench: Bench) -> None:
    english = (await anna.upload(locale="en")).json["id"]
    french = (await anna.upload(locale="fr")).json["id"]
    await put(anna, english, "pain")
    await put(anna, french, "pain")

    ids = {(await anna.photo(photo_id))["tags"][0]["id"] for photo_id in (english, french)}
    assert len(ids) == 2  # what hurts, and what is eaten
    assert len((await anna.get("/api/photos?tag=pain")).json["items"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tags": "cat"},
        {"tags": [""]},
        {"tags": ["  \t"]},
        {"tags": ["x" * 65]},
        {"tags": [1]},
        {"tags": [None]},
        {"tags": [str(i) for i in range(51)]},
        {"tags": [], "more": 1},
        [],
    ],
)
async def test_what_are_no_tags_is_refused(anna: Api, bench: Bench, body: object) -> None:
    photo_id = (await anna.upload()).json["id"]
    answer = await anna.call("PUT", f"/api/photos/{photo_id}/tags", body)

    assert answer.problem == (400, "bad_request")


async def test_the_tags_of_an_owner_are_told_most_used_first(anna: Api, bench: Bench) -> None:
    for names in (["chat", "animal"], ["chien", "animal"], ["chat", "animal", "château"]):
        await anna.upload()
        await bench.complete(*names)

    async def told(query: str = "") -> list[tuple[str, int]]:
        items = (await anna.get(f"/api/tags{query}")).json["items"]
        return [(tag["name"], tag["count"]) for tag in items]

    assert (await told())[:2] == [("animal", 3), ("chat", 2)]
    assert await told("?limit=1") == [("animal", 3)]
    assert await told("?prefix=CH") == [("chat", 2), ("chien", 1), ("château", 1)]
    assert await told("?prefix=chate&limit=9") == [("château", 1)]
    assert await told("?prefix=Ch%C3%A0&limit=9") == [("chat", 2), ("château", 1)]
    assert await told("?prefix=x") == []
    assert await told("?prefix=!!!") == []


async def test_the_most_used_of_all_that_start_alike_are_told(anna: Api, bench: Bench) -> None:
    names = [f"a{number:04}" for number in range(1500)]
    for carried in (names, names[-2:], names[-1:]):
        await anna.upload()
        await bench.complete(*carried)

    items = (await anna.get("/api/tags?prefix=a&limit=3")).json["items"]
    assert [(tag["name"], tag["count"]) for tag in items] == [
        ("a1499", 3), ("a1498", 2), ("a0000", 1),
    ]  # fmt: skip


async def test_a_tag_is_named_in_the_callers_language(anna: Api, bench: Bench) -> None:
    await anna.upload()
    await bench.tagger.complete(await bench.begin(), [{"fr": "chat", "en": "cat"}, {"fr": "ciel"}])

    for language, names in (("en", {"cat", "ciel"}), ("fr", {"chat", "ciel"})):
        answer = await anna.get("/api/tags", Accept_Language=language)
        assert {tag["name"] for tag in answer.json["items"]} == names


async def test_the_tags_of_another_keys_photo_cannot_be_changed(
    anna: Api, ben: Api, bench: Bench
) -> None:
    photo_id = (await anna.upload()).json["id"]
    answer = await ben.call("PUT", f"/api/photos/{photo_id}/tags", {"tags": ["mine"]})

    assert answer.problem == (404, "not_found")
    assert (await anna.photo(photo_id))["tags"] == []
