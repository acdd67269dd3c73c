"""`make eval`, or `python -m tests.eval`: how good a provider's tags are, in one table.

The photographs come from packages that the registries carry, and are kept in var/eval once
fetched. A provider other than the local one is asked with the settings of the tagger, such as
OPENAI_API_KEY and OPENAI_BASE_URL. A word that no label of a photo has counts as false: of a
model that answers freely the precision is so a lower bound, and the JSON file lists the words.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from PIL import Image, ImageFilter

from services.tagger.app import chosen_provider
from services.tagger.providers.choose import PROVIDERS
from services.tagger.providers.provider import Provider, Question
from services.tagger.settings import TaggerSettings
from shared.decoding.decoder import Decoder
from shared.decoding.picture import Picture
from tests.eval.packages import bring, read
from tests.eval.photos import Labelled, read_photos
from tests.eval.scores import Score, Seen, scores, table

CACHE: Final = Path("var/eval")
LABELLED_AT_PX: Final = 512
"""The longest side that `blur_px` is meant for."""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="tests.eval", description=__doc__, allow_abbrev=False)
    parser.add_argument("--provider", choices=sorted(PROVIDERS), default="local")
    parser.add_argument("--half", choices=["tuning", "held", "both"], default="both")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was said there")
    parser.add_argument("--false", action="store_true", help="list the photos with a false tag")
    options = parser.parse_args(arguments)
    try:
        provider = chosen_provider(TaggerSettings(), options.provider)
    except ValueError as error:
        parser.error(str(error))
    photos = [one for one in read_photos() if options.half in (one.half, "both")]
    for line in bring(photos, CACHE):
        print(f"Missing: {line}", file=sys.stderr)  # noqa: T201
    here = [one for one in photos if read(one, CACHE) is not None]
    seen = asyncio.run(look(here, provider, CACHE))
    of_classes = scores(seen)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{options.provider}: {len(here)} of {len(photos)} photos, {machine}")  # noqa: T201
    print(table(of_classes))  # noqa: T201
    for one in seen:
        if options.false and one.false:
            print(f"{one.photo.path}: {', '.join(one.false)}")  # noqa: T201
    if options.json:
        options.json.write_text(json.dumps(as_json(seen, of_classes), indent=2) + "\n")


async def look(photos: Sequence[Labelled], provider: Provider, cache: Path) -> list[Seen]:
    """Show `photos` to `provider`, one by one, decoded as the tagger does."""
    settings = TaggerSettings()
    decoder = Decoder(processes=1, max_pixels=settings.max_pixels)
    await provider.start()
    try:
        return [await _look(photo, provider, decoder, cache) for photo in photos]
    finally:
        await provider.close()
        await decoder.close()


async def _look(photo: Labelled, provider: Provider, decoder: Decoder, cache: Path) -> Seen:
    data = read(photo, cache)
    if data is None:
        raise FileNotFoundError(photo.path)
    picture = await decoder.decode(data, longest_side_px=provider.picture_side_px)
    picture = blurred(picture, photo.blur_px)
    started = time.perf_counter()
    recognition = await provider.recognize(picture, Question("en"))
    took_ms = (time.perf_counter() - started) * 1000
    return Seen(photo, tuple(tag.names["en"] for tag in recognition.tags), took_ms)


def blurred(picture: Picture, radius_px: float) -> Picture:
    """Return `picture` out of focus, in proportion to its size."""
    if not radius_px:
        return picture
    image = Image.frombytes("RGB", (picture.width, picture.height), picture.rgb)
    radius_px *= max(image.size) / LABELLED_AT_PX
    soft = image.filter(ImageFilter.GaussianBlur(radius_px))
    return Picture(picture.width, picture.height, soft.tobytes())


def as_json(seen: Sequence[Seen], of_classes: dict[str, Score]) -> dict[str, object]:
    return {
        "classes": {name: asdict(one) for name, one in of_classes.items()},
        "photos": [
            {
                "package": one.photo.package,
                "path": one.photo.path,
                "class": one.photo.kind,
                "half": one.photo.half,
                "right": one.right,
                "false": one.false,
                "grave": one.grave,
                "ms": round(one.took_ms, 2),
            }
            for one in seen
        ],
    }


if __name__ == "__main__":
    main(sys.argv[1:])
