"""`python -m services.tagger.trial`: what settings would make of photos; nothing is stored.

On stdin, one JSON object: `files`, paths; `settings`, a list of objects, each of variables as in
`docs/operations.md`, that come on top of the environment; and `locale`, `fr` or `en`, or null for
what the first settings say. On stdout, JSON lines: first `{"columns": [{"provider", "model"}]}`,
for each of the settings what they have come to, and then, for each file and each of them, a `Try`.
Exit code 0, whatever became of the files; 2, with a line on stderr, if one of the settings cannot
work.
"""

from __future__ import annotations

import asyncio
import json
import logging as levels
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field

from services.tagger.app import chosen_provider, vocabulary_of
from services.tagger.errors import TaggingError
from services.tagger.providers.provider import FREE, Call, Provider, Usage
from services.tagger.settings import TaggerSettings
from services.tagger.vocabulary import Vocabulary
from shared import logging
from shared.decoding.decoder import Decoder
from shared.errors import BadImageError, UnavailableError
from shared.messages import Locale
from shared.settings import load

REMOTE_CALLS: Final = 4
"""Calls of one remote provider at a time; a local one is asked one by one, so that times tell."""


class TrialSettings(TaggerSettings):
    """The tagger's settings, and the gateway's on what it takes."""

    max_upload_bytes: int = Field(20 * 2**20, ge=1, validation_alias="TAGLINE_MAX_UPLOAD_BYTES")


class Request(BaseModel):
    """What is to be tried."""

    files: list[Path]
    settings: list[dict[str, str]] = Field(min_length=1)
    locale: Locale | None = None


class TriedTag(BaseModel):
    """A tag as the photo would carry it."""

    name: str
    confidence: float | None


class Try(BaseModel):
    """What became of a file with settings: `column` is their place, from 0.

    `took_ms`: the provider's answer, without decoding. `cost_usd`: None if there is no price.
    `error`: the words of a photo's error, `code` and `message`; then there are no tags.
    """

    file: str
    column: int
    tags: list[TriedTag] = []
    caption: str | None = None
    alt: str | None = None
    took_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    error: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """Settings, and what they have come to."""

    settings: TrialSettings
    provider: Provider
    vocabulary: Vocabulary

    @property
    def calls(self) -> int:
        return 1 if self.provider.endpoint is None else REMOTE_CALLS

    def described(self) -> dict[str, str | None]:
        remote = self.provider.name == "openai"
        return {
            "provider": self.provider.name,
            "model": self.settings.openai_model if remote else None,
        }


@asynccontextmanager
async def opened(settings: Sequence[Mapping[str, str]]) -> AsyncIterator[list[Column]]:
    """Open the providers. Raises `ValueError` or `RuntimeError` if one cannot work."""
    async with AsyncExitStack() as stack:
        columns = []
        for given in settings:
            loaded = load(TrialSettings, **given)
            provider = chosen_provider(loaded, loaded.provider)
            column = Column(loaded, provider, vocabulary_of(loaded))
            stack.push_async_callback(column.provider.close)
            await column.provider.start()
            columns.append(column)
        yield columns


async def run(request: Request, write: Callable[[Any], None]) -> None:
    """Try every file with all settings; `write` is given each line. Raises as `opened` does."""
    async with opened(request.settings) as columns:
        locale = request.locale or columns[0].settings.locale
        decoder = Decoder(processes=2, max_pixels=columns[0].settings.max_pixels)
        await decoder.start()
        try:
            write({"columns": [column.described() for column in columns]})

            async def whole(number: int, column: Column) -> None:
                gate = asyncio.Semaphore(column.calls)

                async def one(file: Path) -> None:
                    async with gate:
                        tried = await _tried(file, number, column, decoder, locale)
                    write(tried.model_dump())

                await asyncio.gather(*(one(file) for file in request.files))

            await asyncio.gather(*(whole(*each) for each in enumerate(columns)))
        finally:
            await decoder.close()


async def _tried(file: Path, number: int, column: Column, decoder: Decoder, locale: Locale) -> Try:
    tried = Try(file=str(file), column=number)
    try:
        data = await asyncio.to_thread(_read, file, column.settings.max_upload_bytes)
        picture = await decoder.decode(data, longest_side_px=column.provider.picture_side_px)
    except OSError as error:
        tried.error = {"code": "unreadable", "message": error.strerror or "It cannot be read"}
        return tried
    except (BadImageError, UnavailableError) as error:
        bad = isinstance(error, BadImageError)
        code = "bad_image" if bad else "decoder_unavailable"
        tried.error = {"code": code, "message": str(error)}
        return tried
    calls: list[Call] = []

    @asynccontextmanager
    async def turn() -> AsyncIterator[Call]:
        calls.append(Call())
        yield calls[-1]

    started_s = time.perf_counter()
    try:
        question = column.vocabulary.lasting(locale)
        found = await column.provider.recognize(picture, question, turn=turn)
    except TaggingError as error:
        tried.error = {"code": error.code, "message": error.text}
    else:
        tried.took_ms = round((time.perf_counter() - started_s) * 1000, 1)
        tried.caption, tried.alt = found.caption, found.alt
        tried.tags = [
            TriedTag(name=each.tag.names[locale], confidence=each.tag.confidence)
            for each in column.vocabulary.judged(found.tags, locale=locale)
            if each.result == "kept"
        ]
    # What failed may have cost something, too.
    _account(tried, column.provider, [call.usage for call in calls if call.usage])
    return tried


def _read(file: Path, most_bytes: int) -> bytes:
    with file.open("rb") as opened_file:
        data = opened_file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise BadImageError(f"the file is larger than {most_bytes} bytes")
    if not data:
        raise BadImageError("the file is empty")
    return data


def _account(tried: Try, provider: Provider, usages: Sequence[Usage]) -> None:
    if provider.endpoint is None:
        tried.cost_usd = 0.0
    elif usages:
        used = sum(usages[1:], start=usages[0])
        tried.prompt_tokens, tried.completion_tokens = used.prompt_tokens, used.completion_tokens
        tried.cost_usd = None if provider.price == FREE else provider.price.of(used)


def _write(line: Any) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)  # noqa: T201


def main() -> int:
    logging.configure("trial", None)
    # What goes well is on stdout.
    levels.getLogger().setLevel(levels.WARNING)
    try:
        asyncio.run(run(Request.model_validate_json(sys.stdin.buffer.read()), _write))
    except (ValueError, RuntimeError) as error:
        print(f"tagger: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except ImportError as error:
        print(f"tagger: {error}; the extra `tagger` brings it", file=sys.stderr)  # noqa: T201
        return 2
    except (KeyboardInterrupt, BrokenPipeError):
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
