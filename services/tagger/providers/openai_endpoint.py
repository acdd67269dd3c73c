"""Chat completions of OpenAI or a compatible server, over HTTP.

The SDK says where the server is and who we are. It sends nothing: of a call of 1.8 ms of CPU, 1.7
were its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from openai import AsyncOpenAI
from yarl import URL

MOST_BYTES: Final = 2**20
"""Of a response. What is longer is cut off there, and is no answer then."""

OPENAI: Final = "https://api.openai.com/v1"

KEPT_S: Final = 4.0
"""How long a connection is kept without a call: less than servers do (uvicorn's, 5 s), which may
close it at the moment when a call is sent on it."""

REFUSAL_S: Final = 5.0
"""What the words of a refusal may take to come: its status says what follows from it."""

_OURS: Final = ("OpenAI-Organization", "OpenAI-Project")
_ANSWERS: Final = range(200, 300)
_REFUSALS: Final = range(400, 600)
_WORD: Final = re.compile(r"[A-Za-z_]{1,40}")


@dataclass(slots=True)
class RefusedError(Exception):
    """The server has answered, and that it does not do it.

    `code`: its word for why, of letters and `_`, or empty; `content_policy_violation` also where
    it says in other words that it was the photo. `said`: all that it
    said, as far as it came, which may quote the request; for looking words up, never for logs.
    `retry_after`: as in the header.
    """

    status: int
    code: str
    said: str
    retry_after: str | None = None


@dataclass(slots=True)
class NoAnswerError(Exception):
    """There was no connection, or no whole response on it; `why`: a few words, for logs."""

    why: str


class Endpoint:
    """Connections to one server; as many as there are calls at a time. `base_url`: or OpenAI's."""

    def __init__(self, *, api_key: str, base_url: str | None) -> None:
        # Told of none, the SDK would take an OPENAI_BASE_URL that is set and empty for an address.
        known = AsyncOpenAI(api_key=api_key, base_url=base_url or OPENAI)
        named = {name: known.default_headers[name] for name in _OURS}
        address, authorization = _apart(URL(str(known.base_url)))
        self.url = str(address).rstrip("/") + "/chat/completions"
        self._session = aiohttp.ClientSession(
            headers={
                **known.auth_headers,
                **authorization,
                **{name: value for name, value in named.items() if isinstance(value, str)},
                "Content-Type": "application/json",
                # What is compressed may be of any size once it is not.
                "Accept-Encoding": "identity",
            },
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            proxy=_proxy(address),
            timeout=aiohttp.ClientTimeout(),  # who asks has a deadline
        )

    async def complete(self, asked: Mapping[str, Any]) -> bytes:
        """Return the body of the response, `MOST_BYTES` of it at most.

        Raises `RefusedError` and `NoAnswerError`.
        """
        data = orjson.dumps(asked)
        try:
            # A redirection would have the photo go where nobody said that it may, without our key.
            async with self._session.post(self.url, data=data, allow_redirects=False) as response:
                plain = response.headers.get("Content-Encoding", "identity").lower() == "identity"
                if response.status not in _ANSWERS:
                    raise _refusal(response, await _as_far_as_it_comes(response) if plain else b"")
                if not plain:
                    raise NoAnswerError("compressed, though asked not to be")
                body = await _bounded(response)
        # Not all that an address may hold is a name that can be looked up.
        except (aiohttp.ClientError, UnicodeError) as error:
            raise NoAnswerError(type(error).__name__) from None
        if b'"error"' in body and b'"choices"' not in body:
            # What passes calls on may have said 200 before it knew better.
            raise _refusal(response, body)
        return body

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def _apart(address: URL) -> tuple[URL, dict[str, str]]:
    """Return an address without who we are there, and the header that says so instead of a key."""
    if address.user is None and address.password is None:
        return address, {}
    basic = aiohttp.encode_basic_auth(address.user or "", address.password or "")
    return address.with_user(None), {"Authorization": basic}


def _proxy(address: URL) -> str | None:
    """Return the proxy of the environment by which calls go.

    Left to look itself, `aiohttp` would also take whom a `.netrc` names there for us, and refuse
    to have our key besides.
    """
    return None if proxy_bypass(address.host or "") else getproxies().get(address.scheme)


def _refusal(response: aiohttp.ClientResponse, body: bytes) -> RefusedError:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    error = said.get("error", said) if isinstance(said, dict) else said
    code = error.get("code") if isinstance(error, dict) else None
    word = _word_of(error) if isinstance(error, dict) else ""
    status = response.status
    if status in _ANSWERS:
        status = (
            code if isinstance(code, int) and code in _REFUSALS else HTTPStatus.BAD_GATEWAY.value
        )
    return RefusedError(
        status,
        word,
        body.decode(errors="replace"),
        response.headers.get("Retry-After"),
    )


def _word_of(error: Mapping[str, Any]) -> str:
    about = error.get("metadata")
    if isinstance(about, dict) and "flagged_input" in about:  # OpenRouter's code is the status
        return "content_policy_violation"
    code = error.get("type") if error.get("code") is None else error["code"]
    return code if isinstance(code, str) and _WORD.fullmatch(code) else ""


async def _as_far_as_it_comes(response: aiohttp.ClientResponse) -> bytes:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(REFUSAL_S):
            return await _bounded(response)
    response.close()
    return b""


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, left = list[bytes](), MOST_BYTES
    while left > 0 and (part := await response.content.read(left)):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        response.close()  # whatever else would come
    return b"".join(parts)
