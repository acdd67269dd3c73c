"""What handlers read from requests, checked, and how they answer."""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Final

import orjson
from aiohttp import web

from services.gateway.errors import bad_request
from shared import keys, messages

IDEMPOTENCY_KEY_CHARS: Final = 255
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
    """Return the socket ID of the header or, without one, of the form; None if neither has."""
    socket_id = request.headers.get("X-Socket-Id", field) or None
    if socket_id is not None and keys.lane_of(socket_id, lanes=lanes) is None:
        raise bad_request("X-Socket-Id must be the socket ID that the notifier gave")
    return socket_id


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
            f"Idempotency-Key must be 1 to {IDEMPOTENCY_KEY_CHARS} printable ASCII characters"
        )
    return key


def number_in(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return the query parameter `name` as a number from `least` to `most`."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal()) or not least <= int(text[:10]) <= most:
        raise bad_request(f"{name} must be a whole number from {least} to {most}")
    return int(text)


def only_queries(request: web.Request, known: frozenset[str]) -> None:
    """Refuse query parameters that would be ignored: the caller believes they do something."""
    unknown: list[Any] = sorted(set(request.query) - known)
    if unknown:
        raise bad_request(f"There is no query parameter {unknown[0][:64]!r} here")
