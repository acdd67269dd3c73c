from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from services.tagger.providers.labels import read_concepts
from services.tagger.providers.local import LocalProvider
from services.tagger.providers.openai import OpenAIProvider
from shared.decoding.picture import Picture
from tests.eval.__main__ import as_json, blurred, look
from tests.eval.packages import HERE, PACKAGES, MissingError, bring, read, run
from tests.eval.photos import TABLE, Labelled, read_photos
from tests.eval.scores import HEAD, Score, Seen, score, scores, table
from tests.support.openai_server import OpenAIServer

KINDS = {
    "people",
    "animals",
    "food",
    "places",
    "vehicles",
    "objects",
    "screens",
    "documents",
    "night",
    "blurred",
}

CAT = Labelled(
    package=HERE,
    path="cat.jpg",
    sha256="0",
    kind="animals",
    blur_px=0,
    shows=frozenset({"cat", "animal"}),
    also=frozenset({"feline", "beagle"}),
    never=frozenset({"vehicle"}),
)
STREET = dataclasses.replace(
    CAT, kind="places", shows=frozenset({"street"}), also=frozenset(), never=frozenset()
)


def seen(photo: Labelled, *tags: str, took_ms: float = 1) -> Seen:
    return Seen(photo, tags, took_ms)


def test_the_set_has_all_classes_and_more_than_sixty_photos_apart_from_the_blurred() -> None:
    photos = read_photos()

    assert {photo.kind for photo in photos} == KINDS
    assert len({photo.sha256 for photo in photos}) > 60
    assert len({(photo.sha256, photo.blur_px) for photo in photos}) == len(photos)


def test_every_photo_says_what_it_shows_and_comes_from_a_package_that_is_known() -> None:
    known = {package.name for package in PACKAGES} | {HERE}

    for photo in read_photos():
        assert photo.shows, photo.path
        assert photo.package in known
        assert re.fullmatch("[0-9a-f]{64}", photo.sha256)
        words = photo.shows | photo.also | photo.never
        assert [word for word in words if word != word.strip().lower()] == []
        assert not photo.shows & photo.also, photo.path


def test_what_must_never_be_said_are_names_that_the_local_model_knows() -> None:
    known = {concept.en for concept in read_concepts()}

    assert {word for photo in read_photos() for word in photo.never} <= known


def test_every_package_has_its_licence_told() -> None:
    told = TABLE.with_name("SOURCES.md").read_text(encoding="utf-8")

    for package in PACKAGES:
        assert f"| `{package.name}` {package.version} |" in told


def test_thresholds_are_chosen_on_about_half_of_the_photos() -> None:
    halves = Counter(photo.half for photo in read_photos())

    assert abs(halves["tuning"] - halves["held"]) < 12


@pytest.mark.parametrize("word", ["cat", "Cats", " CAT ", "animal", "feline", "dog", "beagles"])
def test_a_word_is_right_if_it_is_there_to_be_seen_or_a_wider_one_is(word: str) -> None:
    assert CAT.right(word)


@pytest.mark.parametrize("word", ["pug", "tiger", "car", ""])
def test_any_other_word_is_wrong(word: str) -> None:
    assert not CAT.right(word)


def test_a_narrower_word_of_what_must_never_be_said_is_grave() -> None:
    assert CAT.grave("vehicle")
    assert CAT.grave("Taxis")
    assert not CAT.grave("tree")
    assert not CAT.grave("cat")


def test_the_score_of_several_photos() -> None:
    looks = [
        seen(CAT, "cat", "feline", "taxi", took_ms=10),
        seen(CAT, "animal", "cat", took_ms=30),
        seen(STREET, took_ms=20),
        seen(STREET, "tree", took_ms=40),
    ]

    assert score(looks) == Score(
        photos=4,
        tags=6,
        precision=4 / 6,
        recall=3 / 6,  # cat; animal and cat; of the streets none
        right=2 / 4,
        none=1 / 4,
        false=2 / 4,
        grave=1,
        median_ms=25,
    )


def test_without_a_tag_there_is_no_precision() -> None:
    assert score([seen(STREET)]).precision is None


def test_the_table_has_a_line_a_class_and_one_of_all() -> None:
    lines = table(scores([seen(CAT, "cat"), seen(STREET, "cat")])).splitlines()

    assert lines[0] == HEAD
    assert [line.split()[0] for line in lines[1:]] == ["animals", "places", "all"]
    assert lines[1].split() == [
        *("animals", "1", "1", "100", "%", "50", "%"),
        *("100", "%", "0", "%", "0", "%", "0", "1.0"),
    ]
    assert {len(line) for line in lines} == {len(HEAD)}


async def test_photos_of_the_repository_are_looked_at_and_told(tmp_path: Path) -> None:
    photos = [photo for photo in read_photos() if photo.package == HERE and not photo.blur_px]

    looks = await look(photos, LocalProvider(tmp_path), tmp_path)

    of_classes = scores(looks)
    assert of_classes["all"].photos == 6
    assert of_classes["all"].precision == 1
    assert of_classes["people"].recall == 1
    told = json.loads(json.dumps(as_json(looks, of_classes)))
    assert told["classes"]["animals"]["right"] == 1
    assert [one["path"] for one in told["photos"]] == [photo.path for photo in photos]


async def test_an_endpoint_is_asked_in_english_and_scored_the_same(tmp_path: Path) -> None:
    cat = next(photo for photo in read_photos() if photo.path == "cat.jpg")
    async with OpenAIServer() as openai:
        openai.tags = [{"name": "Cats", "confidence": 0.9}, {"name": "pagoda", "confidence": 0.8}]
        provider = OpenAIProvider(api_key=openai.key, base_url=openai.url, model="a-model")

        (one,) = await look([cat], provider, tmp_path)

    assert one.right == ("cats",)
    assert one.false == ("pagoda",)


def test_what_is_there_is_not_fetched_and_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    here = next(photo for photo in read_photos() if photo.package == HERE)
    nowhere = dataclasses.replace(here, package="of-no-registry")

    assert list(bring([here, nowhere], tmp_path)) == [
        f"of-no-registry: {here.path} is absent, or another file"
    ]
    assert read(here, tmp_path) is not None
    assert read(nowhere, tmp_path) is None


def test_a_client_that_is_not_here_or_fails_is_named_with_what_it_said(tmp_path: Path) -> None:
    fails = "import sys; sys.exit('no such package\\nmore of it')"

    with pytest.raises(MissingError, match="there is no client-of-nothing here"):
        run(["client-of-nothing"], tmp_path)
    with pytest.raises(MissingError, match=r"said: no such package$"):
        run([sys.executable, "-c", fails], tmp_path)


def test_another_file_in_the_cache_is_not_the_photo(tmp_path: Path) -> None:
    photo = next(photo for photo in read_photos() if photo.package != HERE)
    (tmp_path / photo.sha256).write_bytes(b"another")

    assert read(photo, tmp_path) is None


def test_a_blurred_picture_keeps_its_size_and_loses_its_edges() -> None:
    edge = Image.new("RGB", (64, 64))
    edge.paste((255, 255, 255), (32, 0, 64, 64))
    picture = Picture(64, 64, edge.tobytes())

    soft = blurred(picture, 16)

    assert blurred(picture, 0) is picture
    assert (soft.width, soft.height, len(soft.rgb)) == (64, 64, 64 * 64 * 3)
    assert 0 < Image.frombytes("RGB", (64, 64), soft.rgb).getpixel((31, 32))[0] < 255  # type: ignore[index]
