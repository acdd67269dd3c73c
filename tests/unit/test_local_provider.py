from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageOps

from services.tagger.providers import efficientnet
from services.tagger.providers.local import MODEL_FILE, LocalProvider
from services.tagger.providers.provider import Question, Recognition
from shared.decoding.picture import Picture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PHOTOS = Path(__file__).parents[1] / "photos"


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    weights = efficientnet.read_weights(efficientnet.weights_path())
    (folder / MODEL_FILE).write_bytes(efficientnet.build_model(weights))
    return folder


@pytest.fixture
async def provider(model_dir: Path) -> AsyncIterator[LocalProvider]:
    provider = LocalProvider(model_dir)
    await provider.start()
    yield provider
    await provider.close()


def picture(name: str) -> Picture:
    with Image.open(PHOTOS / name) as photo:
        upright = ImageOps.exif_transpose(photo).convert("RGB")
    upright.thumbnail((512, 512), Image.Resampling.BICUBIC)
    return Picture(upright.width, upright.height, upright.tobytes())


def names(recognition: Recognition, locale: str) -> list[str]:
    return [tag.names[locale] for tag in recognition.tags]


def files_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


@pytest.mark.parametrize("photo", ["cat.jpg", "cat-rotated.jpg"])
async def test_the_cat_is_a_cat_and_an_animal(provider: LocalProvider, photo: str) -> None:
    seen = await provider.recognize(picture(photo), Question("fr"))

    assert sorted(names(seen, "fr")) == ["animal", "chat", "félin"]
    assert sorted(names(seen, "en")) == ["animal", "cat", "feline"]
    assert seen.caption is None


@pytest.mark.parametrize(
    ("photo", "expected"),
    [
        ("coffee.jpg", {"boisson", "café", "tasse", "vaisselle"}),
        ("rocket.jpg", {"fusée"}),
        ("china.jpg", {"architecture", "bâtiment"}),
    ],
)
async def test_a_photo_is_named_by_what_it_shows(
    provider: LocalProvider, photo: str, expected: set[str]
) -> None:
    seen = await provider.recognize(picture(photo), Question("fr"))

    assert set(names(seen, "fr")) == expected


async def test_a_portrait_shows_a_person_and_nothing_that_people_are_mistaken_for(
    provider: LocalProvider,
) -> None:
    seen = await provider.recognize(picture("person.jpg"), Question("fr"))

    assert names(seen, "fr") == ["personne", "visage"]


async def test_what_the_models_do_not_know_is_not_guessed(provider: LocalProvider) -> None:
    seen = await provider.recognize(picture("flower.jpg"), Question("fr"))

    assert names(seen, "fr") == []


async def test_the_surest_tag_comes_first(provider: LocalProvider) -> None:
    seen = await provider.recognize(picture("coffee.jpg"), Question("en"))

    confidences = [tag.confidence or 0 for tag in seen.tags]
    assert confidences == sorted(confidences, reverse=True)
    assert 0.9 < confidences[0] <= 1


async def test_many_photos_at_once_are_seen_as_one_by_one(provider: LocalProvider) -> None:
    photos = [picture(name) for name in ("cat.jpg", "coffee.jpg", "person.jpg")]
    one_by_one = [await provider.recognize(photo, Question("fr")) for photo in photos]

    at_once = await asyncio.gather(
        *(provider.recognize(photo, Question("fr")) for photo in photos * 5)
    )

    assert at_once == one_by_one * 5


@pytest.mark.parametrize(("width", "height"), [(1, 1), (512, 1), (1, 512), (3, 512)])
async def test_the_smallest_and_the_thinnest_pictures_are_looked_at(
    provider: LocalProvider, width: int, height: int
) -> None:
    seen = await provider.recognize(
        Picture(width, height, bytes(width * height * 3)), Question("fr")
    )

    assert seen.caption is None


async def test_a_cancelled_look_ends_at_once_and_the_next_one_works(
    provider: LocalProvider,
) -> None:
    looks = [
        asyncio.create_task(provider.recognize(picture("cat.jpg"), Question("fr")))
        for _ in range(9)
    ]
    await asyncio.sleep(0)
    for look in looks:
        look.cancel()

    ended = await asyncio.gather(*looks, return_exceptions=True)

    assert [type(end) for end in ended] == [asyncio.CancelledError] * 9
    assert "chat" in names(await provider.recognize(picture("cat.jpg"), Question("fr")), "fr")


async def test_the_model_is_converted_where_there_is_none(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path / "made" / "by it")

    await provider.start()

    assert "chat" in names(await provider.recognize(picture("cat.jpg"), Question("fr")), "fr")
    assert files_in(tmp_path / "made" / "by it") == [MODEL_FILE]
    await provider.close()


async def test_two_that_start_at_once_in_an_empty_folder_both_work(tmp_path: Path) -> None:
    providers = [LocalProvider(tmp_path), LocalProvider(tmp_path)]

    await asyncio.gather(*(provider.start() for provider in providers))

    for provider in providers:
        assert "chat" in names(await provider.recognize(picture("cat.jpg"), Question("fr")), "fr")
        await provider.close()
    assert files_in(tmp_path) == [MODEL_FILE]


@pytest.mark.parametrize("kept_bytes", [0, 1, 1000, 9_000_000, -1])
async def test_a_truncated_model_is_made_anew(
    model_dir: Path, tmp_path: Path, kept_bytes: int
) -> None:
    whole = (model_dir / MODEL_FILE).read_bytes()
    (tmp_path / MODEL_FILE).write_bytes(whole[:kept_bytes])
    provider = LocalProvider(tmp_path)

    await provider.start()

    assert "chat" in names(await provider.recognize(picture("cat.jpg"), Question("fr")), "fr")
    assert len((tmp_path / MODEL_FILE).read_bytes()) == len(whole)
    await provider.close()


async def test_a_model_is_not_converted_twice(model_dir: Path) -> None:
    before = (model_dir / MODEL_FILE).stat()
    provider = LocalProvider(model_dir)

    await provider.start()

    assert (model_dir / MODEL_FILE).stat().st_ino == before.st_ino
    await provider.close()


async def test_wrong_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"not the weights")
    monkeypatch.setattr(efficientnet, "weights_path", lambda: wrong)
    provider = LocalProvider(tmp_path / "models")

    with pytest.raises(RuntimeError, match="are not the published ones"):
        await provider.start()

    assert not (tmp_path / "models").exists()
    await provider.close()


async def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    provider = LocalProvider(tmp_path / "file" / "models")

    with pytest.raises(RuntimeError, match="cannot be stored in its folder"):
        await provider.start()
    await provider.close()


async def test_a_provider_that_was_not_started_says_so(tmp_path: Path) -> None:
    provider = LocalProvider(tmp_path)

    with pytest.raises(RuntimeError, match=r"Need to await `start\(\)` first"):
        await provider.recognize(picture("cat.jpg"), Question("fr"))
    await provider.close()
