"""Chat completions of OpenAI or a compatible server, over HTTP.

The SDK says where the server is, who we are, and what its errors are called. It sends nothing: of
a call of 1.8 ms of CPU, 1.7 were its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import openai
import orjson
from httpx2 import Request, Response
from openai import AsyncOpenAI

MOST_BYTES: Final = 2**20
"""Of a response. What is longer is cut off there, and is no answer then."""

OPENAI: Final = "https://api.openai.com/v1"

KEPT_S: Final = 4.0
"""How long a connection is kept without a call: less than servers do (uvicorn's, 5 s), which may
close it at the moment when a call is sent on it."""

_OURS: Final = ("OpenAI-Organization", "OpenAI-Project")


class Endpoint:
    """Connections to one server; as many as there are calls at a time. `base_url`: or OpenAI's."""

    def __init__(self, *, api_key: str, base_url: str | None) -> None:
        # Told of none, the SDK would take an OPENAI_BASE_URL that is set and empty for an address.
        known = AsyncOpenAI(api_key=api_key, base_url=base_url or OPENAI)
        self.url = str(known.base_url).rstrip("/") + "/chat/completions"
        named = {name: known.default_headers[name] for name in _OURS}
        self._session = aiohttp.ClientSession(
            headers={
                **known.auth_headers,
                **{name: value for name, value in named.items() if isinstance(value, str)},
                "Content-Type": "application/json",
                # What is compressed may be of any size once it is not.
                "Accept-Encoding": "identity",
            },
            auto_decompress=False,
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),  # who asks has a deadline
            trust_env=True,
        )

    async def complete(self, asked: Mapping[str, Any]) -> bytes:
        """Return the body of the response, `MOST_BYTES` of it at most.

        Raises the SDK's `APIStatusError` and `APIConnectionError`.
        """
        try:
            async with self._session.post(self.url, data=orjson.dumps(asked)) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise self._no_answer("compressed, though asked not to be")
                body = await _bounded(response)
        except aiohttp.ClientError as error:
            raise self._no_answer(type(error).__name__) from None
        if not response.ok:
            raise self._refusal(response, body)
        return body

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    def _no_answer(self, why: str) -> openai.APIConnectionError:
        return openai.APIConnectionError(message=why, request=Request("POST", self.url))

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> openai.APIStatusError:
        told = Response(
            response.status,
            headers=list(response.headers.items()),
            content=body,
            request=Request("POST", self.url),
        )
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            said = None
        error = said.get("error", said) if isinstance(said, dict) else said
        return openai.APIStatusError(f"status {response.status}", response=told, body=error)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts, left = list[bytes](), MOST_BYTES
    while left > 0 and (part := await response.content.read(left)):
        parts.append(part)
        left -= len(part)
    if left <= 0:
        response.close()  # whatever else would come
    return b"".join(parts)
