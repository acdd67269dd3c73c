"""A tag has one id, whatever it is called: in either language, in the plural, without accents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from redis.asyncio import Redis

from shared import keys
from shared.redis import closing, connect
from shared.tags import Tags
from tests.support.api import Api
from tests.support.tagging import Bench

Names = Mapping[str, str]


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with closing(connect(redis_url)) as client:
        yield client


@pytest.fixture
def tags(client: Redis) -> Tags:
    return Tags(client)


async def ids(tags: Tags, *names: Names, locale: str = "fr") -> list[int]:
    return await tags.name(names, locale=locale)


async def named(api: Api, locale: str, query: str = "") -> set[tuple[str, int]]:
    answer = await api.get(f"/api/tags?locale={locale}{query}")
    return {(tag["name"], tag["count"]) for tag in answer.json["items"]}


async def found(api: Api, query: str) -> list[int]:
    items = (await api.get(f"/api/photos?{query}")).json["items"]
    return sorted(photo["id"] for photo in items)


async def test_case_accents_and_plurals_make_no_second_tag(tags: Tags) -> None:
    written = ["château", "Châteaux", "CHATEAU", "chateaux", "cha\u0302teau"]

    assert len(set(await ids(tags, *({"fr": name} for name in written)))) == 1


async def test_a_name_in_one_language_meets_the_tag_that_has_both(tags: Tags) -> None:
    (cat,) = await ids(tags, {"fr": "chat", "en": "cat"})

    assert await ids(tags, {"fr": "chats"}) == [cat]
    assert await ids(tags, {"en": "Cats"}, locale="en") == [cat]


async def test_a_tag_known_in_one_language_learns_its_name_in_the_other(tags: Tags) -> None:
    (cat,) = await ids(tags, {"fr": "chat"})

    assert await ids(tags, {"en": "cat", "fr": "chat"}, locale="en") == [cat]
    assert await ids(tags, {"en": "cat"}, locale="en") == [cat]


@pytest.mark.parametrize("text", ["chat", "pain", "coin", "car", "four", "main"])
async def test_the_same_text_in_two_languages_is_not_the_same_tag(tags: Tags, text: str) -> None:
    (french,) = await ids(tags, {"fr": text})

    assert await ids(tags, {"en": text}, locale="en") != [french]
    assert await ids(tags, {"fr": text}) == [french]


async def test_two_tags_that_prove_to_be_one_are_the_older_from_then_on(tags: Tags) -> None:
    (french,) = await ids(tags, {"fr": "moustique"})
    (english,) = await ids(tags, {"en": "mosquito"}, locale="en")
    assert french < english

    both = {"fr": "moustiques", "en": "mosquito"}
    assert await ids(tags, both, both, locale="en") == [french, french]
    assert await ids(tags, {"en": "mosquito"}, locale="en") == [french]


async def test_photos_of_both_are_found_by_any_of_its_names(
    anna: Api, bench: Bench, tags: Tags
) -> None:
    photos = []
    for locale, names in (
        ("fr", {"fr": "moustique"}),
        ("en", {"en": "mosquito"}),
        ("fr", {"fr": "moustique", "en": "mosquito"}),
    ):
        photos.append((await anna.upload(locale=locale)).json["id"])
        await bench.tagger.complete(await bench.begin(), [names])

    assert await found(anna, "tag=mosquitos") == photos
    assert await found(anna, "q=mosq") == photos
    assert await found(anna, "tag=Moustiques") == [photos[0], photos[2]]


async def test_words_with_one_name_in_one_language_stay_two_in_the_other(tags: Tags) -> None:
    peach, fishing = {"fr": "pêche", "en": "peach"}, {"fr": "pêche", "en": "fishing"}
    (first,) = await ids(tags, peach, locale="en")

    # To who reads English these are two tags; to who reads French, one.
    (second,) = await ids(tags, fishing, locale="en")
    assert second != first
    assert await ids(tags, {"en": "fishing"}, {"en": "peach"}, locale="en") == [second, first]
    assert await ids(tags, fishing, {"fr": "peche"}, peach) == [first] * 3


async def test_a_gallery_in_two_languages_does_not_hold_a_tag_twice(
    anna: Api, bench: Bench
) -> None:
    for locale, names in (
        ("fr", {"fr": "chat", "en": "cat"}),
        ("en", {"en": "cats"}),
        ("fr", {"fr": "Chats"}),
        ("fr", {"fr": "élan"}),
    ):
        await anna.upload(locale=locale)
        await bench.tagger.complete(await bench.begin(), [names])

    assert await named(anna, "fr") == {("chat", 3), ("élan", 1)}
    assert await named(anna, "en") == {("cat", 3), ("élan", 1)}
    assert await named(anna, "en", "&prefix=CHA") == {("cat", 3)}
    assert await named(anna, "fr", "&prefix=ela") == {("élan", 1)}
    for query in ("tag=chats", "tag=cat", "tag=C%C3%A2ts", "q=ca", "q=ch%C3%A2"):
        assert await found(anna, query) == [1, 2, 3]
    shown = [(await anna.photo(photo_id))["tags"][0]["name"] for photo_id in (1, 2)]
    assert shown == ["chat", "cats"]


@pytest.mark.parametrize("locale", ["de", "", "FR", "fr-FR"])
async def test_a_language_that_there_is_not_is_refused(anna: Api, locale: str) -> None:
    answer = await anna.get(f"/api/tags?locale={locale}")

    assert answer.problem == (400, "bad_request")


async def test_a_tag_by_hand_that_the_analysis_names_too_is_there_once(
    anna: Api, bench: Bench
) -> None:
    photo_id = (await anna.upload()).json["id"]
    await bench.complete("chien")
    await anna.call(
        "PUT", f"/api/photos/{photo_id}/tags", {"tags": ["CHATS", "chat", " Élan  d'Alaska "]}
    )
    await anna.post(f"/api/photos/{photo_id}/retag")
    await bench.tagger.complete(await bench.begin(), [{"fr": "chat", "en": "cat"}, {"fr": "élans"}])

    tags = (await anna.photo(photo_id))["tags"]
    assert [(tag["name"], tag["source"]) for tag in tags] == [
        ("chats", "user"), ("élan d'alaska", "user"), ("élans", "ai"),
    ]  # fmt: skip


async def test_what_an_earlier_version_wrote_is_found_and_goes_on(
    anna: Api, bench: Bench, tags: Tags, client: Redis
) -> None:
    # As that version left it: names by their text, no names to search for but those
    photo_id = (await anna.upload()).json["id"]
    await bench.complete("châteaux", "ciel")
    sequence: Any = await client.get(keys.tag_sequence())
    castle, sky = int(sequence) - 1, int(sequence)
    await client.delete(keys.tag_names("fr"), keys.tag_starts("fr"), keys.tag_index("anna"))
    await client.hset(keys.tag_names("fr"), mapping={"châteaux": castle, "ciel": sky})
    members = dict.fromkeys((f"châteaux\0{castle}", f"ciel\0{sky}"), 0)
    await client.zadd(keys.tag_index("anna"), members)
    bench.tagger.naming.forget()

    for query in ("tag=ch%C3%A2teaux", "q=ch%C3%A2", "tag=CIEL", "q=c"):
        assert await found(anna, query) == [photo_id]
    assert await named(anna, "fr", "&prefix=ch%C3%A2") == {("châteaux", 1)}

    # Named again, it is the same tag, and has lost its accents to who searches
    await anna.upload()
    await bench.complete("châteaux", "ciel")
    assert await ids(tags, {"fr": "chateau"}, {"fr": "ciels"}) == [castle, sky]
    assert await found(anna, "q=chat") == [1, 2]
    for each in (1, 2):
        await anna.call("DELETE", f"/api/photos/{each}")
    assert not await client.exists(keys.tag_index("anna"))
