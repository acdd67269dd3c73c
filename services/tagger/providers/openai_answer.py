"""Reads what a vision model has answered: liberal in form, and strict in what comes of it.

Whoever sent the photo may have written into it, and a model may obey: nothing here is trusted.
Servers that know no schema answer in prose, with lists of words, in percents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel, Field

from services.tagger.errors import PermanentError, RetryableError
from services.tagger.providers.provider import (
    ALT_CHARS,
    CAPTION_CHARS,
    MOST_TAGS,
    FoundTag,
    Recognition,
    Usage,
)
from shared.messages import LOCALES
from shared.names import NAME_CHARS, cleaned
from shared.plain import plain

MOST_READ: Final = 200
"""How many tags of an answer are looked at: what was asked for is a dozen."""

ERROR_TEXT: Final = "OpenAI API error"
"""What clients read of every failure; the code says which. Answers and keys stay out of it."""

_MOST_STARTS: Final = 20
"""At how many places of an answer it is tried whether JSON begins there."""

_START: Final = re.compile(r"[{\[]")
_CODE: Final = re.compile(r"[<>{}\[\]\\|=;`]")
"""What no name of a thing holds, but markup and code do."""

_WORDS: Final = {
    "certain": 0.95, "very high": 0.95, "high": 0.85, "medium": 0.6, "moderate": 0.6,
    "low": 0.3, "very low": 0.1,
    "certaine": 0.95, "très élevée": 0.95, "élevée": 0.85, "haute": 0.85, "moyenne": 0.6,
    "faible": 0.3, "très faible": 0.1,
}  # fmt: skip
"""What models say in place of a number."""


_MOST_TOKENS: Final = 100_000_000
"""Of a call. A server that says more is wrong, and its number would break the sums of all."""


class _PromptDetails(BaseModel):
    cached_tokens: int = Field(ge=0, le=_MOST_TOKENS)


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0, le=_MOST_TOKENS)
    completion_tokens: int = Field(ge=0, le=_MOST_TOKENS)
    prompt_tokens_details: Any = None


class _Used(BaseModel):
    """What is read of any response: an answer that we cannot use is paid for, too."""

    usage: _Usage


def usage(response: bytes) -> Usage | None:
    """Return what a response says that it has cost."""
    try:
        used = _Used.model_validate(json.loads(response)).usage
    except (ValueError, RecursionError):
        return None
    try:
        cached_tokens = _PromptDetails.model_validate(used.prompt_tokens_details).cached_tokens
    except ValueError:
        cached_tokens = 0  # what it cost at the most
    return Usage(used.prompt_tokens, used.completion_tokens, cached_tokens)


def recognition(response: bytes, locale: str) -> Recognition:
    """Return what a response says of the photo.

    Raises `PermanentError` where the model refused, `RetryableError` where it makes no sense.
    """
    answer = _answer(_content(response))
    caption, alt = (answer.get(field) for field in ("caption", "alt"))
    return Recognition(
        tags=_tags(answer["tags"], locale),
        caption=plain(caption, chars=CAPTION_CHARS) or None if isinstance(caption, str) else None,
        alt=plain(alt, chars=ALT_CHARS) or None if isinstance(alt, str) else None,
    )


def _content(response: bytes) -> str:
    """Return the text of the model's message."""
    try:
        choice = json.loads(response)["choices"][0]
        message, reason = choice["message"], choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        raise _bad_answer() from None
    if refusal or reason == "content_filter":
        raise PermanentError("provider_refused", ERROR_TEXT)
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str) or reason == "length":
        raise _bad_answer()
    return content


def _bad_answer() -> RetryableError:
    return RetryableError("provider_bad_answer", ERROR_TEXT)


def _answer(content: str) -> dict[str, Any]:
    """Return the first JSON in `content` that has tags, whatever is around it."""
    # Some models think aloud first, and may try an answer or two in doing so.
    found = list(_jsons(content.rpartition("</think>")[2]))
    for each in found:
        for one in (each, *_inside(each)):
            match one:
                case {"tags": list() | str() | dict()}:
                    return dict(one)
    for each in found:
        match each:
            case [str() | {"names": _} | {"name": _}, *_]:
                return {"tags": each}
    raise _bad_answer()


def _inside(found: Any) -> Iterable[Any]:
    """Return what an object or list of one thing is wrapped around."""
    if len(found) != 1:
        return ()
    return found.values() if isinstance(found, dict) else found


def _jsons(text: str) -> Iterator[Any]:
    """Yield the objects and lists that `text` holds, the outermost only."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(_MOST_STARTS):
        start = _START.search(text, at)
        if start is None:
            return
        try:
            found, at = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            at = start.end()
        else:
            yield found


def _tags(said: Any, locale: str) -> tuple[FoundTag, ...]:
    """Return the tags that can be used, each name once, the surest first."""
    read = [_tag(tag, locale) for tag in _listed(said)]
    numbers = _probabilities([number for _, number in read])
    surest: dict[str, FoundTag] = {}
    for (names, _), confidence in zip(read, numbers, strict=True):
        name = names.get(locale)
        if name and (name not in surest or _more(confidence, surest[name].confidence)):
            surest[name] = FoundTag(names, confidence)
    ordered = sorted(
        surest.values(), key=lambda tag: -1.0 if tag.confidence is None else -tag.confidence
    )
    return tuple(ordered[:MOST_TAGS])


def _more(one: float | None, other: float | None) -> bool:
    return (one or 0) > (other or 0)


def _listed(said: Any) -> list[Any]:
    """Return the tags one by one: they may come as one text, or as names with confidences."""
    if isinstance(said, str):
        said = re.split(r"[,;\n]", said[: MOST_READ * NAME_CHARS])
    elif isinstance(said, dict):
        said = [{"name": name, "confidence": number} for name, number in said.items()]
    return list(said[:MOST_READ])


def _tag(said: Any, locale: str) -> tuple[dict[str, str], float | None]:
    """Return a tag's names that can be used, by locale, and its confidence as it was said."""
    match said:
        case str():
            names, confidence = {locale: said}, None
        case {"names": dict() as names}:
            confidence = said.get("confidence")
        case {"names": str() as name} | {"name": str() as name}:
            names, confidence = {locale: name}, said.get("confidence")
        case _:
            return {}, None
    usable = {each: _name(names.get(each)) for each in LOCALES}
    return {each: name for each, name in usable.items() if name}, _number(confidence)


def _name(said: Any) -> str:
    """Return a name as it is kept; nothing of what is none."""
    if not isinstance(said, str) or len(said) > 2 * NAME_CHARS or _CODE.search(said):
        return ""
    # A sentence is no name, and a part of one neither.
    return cleaned(said) if len(said.strip()) <= NAME_CHARS else ""


def _number(said: Any) -> float | None:
    """Return a confidence as a number, of 1 or of 100; None if it is none."""
    if isinstance(said, str):
        text = said[:20].strip().lower()
        if text in _WORDS:
            return _WORDS[text]
        percent, text = text.endswith("%"), text.removesuffix("%").replace(",", ".")
        try:
            said = float(text) / (100 if percent else 1)
        except ValueError:
            return None
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if 0 <= said <= 100 else None  # noqa: PLR2004  # nor is NaN


def _probabilities(said: list[float | None]) -> list[float | None]:
    """Return confidences of one answer as 0 to 1; None where it is not clear what one means.

    An answer has one measure: beside 95, a 1 is one of a hundred.
    """
    numbers = [number for number in said if number is not None]
    percents = any(number > 10 for number in numbers) and not any(0 < n < 1 for n in numbers)  # noqa: PLR2004

    def probability(number: float | None) -> float | None:
        if number is None or (1 < number <= 10 and not percents):  # noqa: PLR2004
            return None
        return number / 100 if percents or number > 1 else number

    return [probability(number) for number in said]
