"""What handlers read from requests, checked, and how they answer."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from services.gateway.errors import bad_request
from shared import keys, messages
from shared.photos import Accepted

IDEMPOTENCY_KEY_CHARS: Final = 255
BODY_BYTES: Final = 64 * 1024
"""Most bytes of a JSON body."""

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
"""Of what a list has on a page, where it has no limits of its own."""

CURSOR_DIGITS: Final = 16
NUMBER_DIGITS: Final = 10
WHERE_CHARS: Final = 64
"""How much of a name that the client made up is said back to it."""

_PRINTABLE: Final = frozenset(string.ascii_letters + string.digits + string.punctuation)


def json_response(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    return web.Response(
        status=status,
        body=orjson.dumps(body),
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )


def socket_id_in(request: web.Request, field: str | None, *, lanes: int) -> str | None:
    """Return the socket ID of the header or, without one, of the form; None if neither has.

    Empty is as if it were not there: a client that has no socket yet sends what it has.
    """
    named = {"X-Socket-Id": request.headers.get("X-Socket-Id"), "socketId": field}
    given = {name: socket_id for name, socket_id in named.items() if socket_id}
    for name, socket_id in given.items():
        if keys.lane_of(socket_id, lanes=lanes) is None:
            raise bad_request(f"{name} must be the socket ID that the notifier gave")
    return next(iter(given.values()), None)


def locale_of(request: web.Request, field: str | None = None, *, default: str) -> str:
    """Return the locale of the form or, without one, what `Accept-Language` likes best."""
    if field:
        if field not in messages.LOCALES:
            raise bad_request(f"locale must be one of {', '.join(messages.LOCALES)}")
        return field
    return messages.accepted_locale(request.headers.get("Accept-Language", ""), default)


def idempotency_key(request: web.Request) -> str | None:
    """Return the `Idempotency-Key`, None if there is none."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_CHARS or not _PRINTABLE.issuperset(key):
        raise bad_request(
            f"Idempotency-Key must be 1 to {IDEMPOTENCY_KEY_CHARS} ASCII characters that are seen"
        )
    return key


def number_in(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return the query parameter `name` as a number from `least` to `most`."""
    text = request.query.get(name)
    if text is None:
        return default
    # Not too long first: Python refuses to read a number of thousands of digits.
    digits = text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS
    if not digits or not least <= int(text) <= most:
        raise bad_request(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def limit_in(request: web.Request, *, default: int = DEFAULT_LIMIT, most: int = MAX_LIMIT) -> int:
    """Return the query parameter `limit`: how many things a page has at most."""
    return number_in(request, "limit", default=default, least=1, most=most)


def only_queries(
    request: web.Request, known: frozenset[str], *, repeatable: frozenset[str] = frozenset()
) -> None:
    """Refuse query parameters that would be ignored: the caller believes they do something.

    So does who gives one twice, unless it is `repeatable`.
    """
    unknown: list[Any] = sorted(set(request.query) - known)
    if unknown:
        raise bad_request(f"There is no query parameter {unknown[0][:WHERE_CHARS]!r} here")
    for name in known - repeatable:
        if len(request.query.getall(name, [])) > 1:
            raise bad_request(f"{name} may be given once")


W = TypeVar("W", bound=str)


def word_in(request: web.Request, name: str, words: Sequence[W]) -> W | None:
    """Return the query parameter `name`, which is one of `words`; None if it is not there."""
    text = request.query.get(name)
    if text is None:
        return None
    for word in words:
        if word == text:
            return word
    raise bad_request(f"{name} must be one of {', '.join(words)}")


def cursor_in(request: web.Request) -> str:
    """Return the query parameter `cursor`, the `nextCursor` of a page; `` if it is not there."""
    text = request.query.get("cursor", "")
    if text and not (text.isascii() and text.isdecimal() and len(text) <= CURSOR_DIGITS):
        raise bad_request("cursor must be the nextCursor of the page before")
    return text


B = TypeVar("B", bound=BaseModel)


async def json_body(request: web.Request, body: type[B], *, optional: bool = False) -> B:
    """Return the request's body; with `optional`, a body that is not there is an empty one."""
    content = await _body(request)
    if optional and not content.strip():
        content = b"{}"
    try:
        return body.model_validate_json(content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])[:WHERE_CHARS]
        what = problem["msg"].removeprefix("Value error, ")
        raise bad_request(f"The body's {where}: {what}" if where else what) from None


async def _body(request: web.Request) -> bytes:
    content = b""
    try:
        while chunk := await request.content.readany():
            content += chunk
            if len(content) > BODY_BYTES:
                raise bad_request(f"The body is longer than {BODY_BYTES} bytes")
    except web.RequestPayloadError:
        raise bad_request("The body is not encoded as its headers say") from None
    return content


def accepted_view(photo: Accepted, locale: str) -> dict[str, Any]:
    """Return the JSON object that says that a photo was accepted."""
    return {
        "id": photo.id,
        "filename": photo.filename,
        "tags": [],
        "processing": True,
        "jobId": photo.job_id,
        "message": messages.text("accepted", locale),
    }
