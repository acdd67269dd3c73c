"""What answers tell browsers."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support.api import Keyed


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/photos", 200), ("/api/photos/999", 404), ("/nope", 404), ("/readyz", 200)],
)
async def test_an_answer_is_data_for_nobodys_frame_and_tells_no_versions(
    redis_url: str, keyed_gateway: Keyed, path: str, status: int
) -> None:
    headers = {"Authorization": "Bearer s3cret-a"}
    async with (
        aiohttp.ClientSession(headers=headers) as web,
        web.get(keyed_gateway.url + path) as response,
    ):
        assert response.status == status
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        policy = response.headers["Content-Security-Policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert response.headers["Server"] == "tagline"
        # I expect no cookies: what a browser does not send by itself, no other page can use
        assert "Set-Cookie" not in response.headers


async def test_so_is_the_answer_to_what_is_no_request(keyed_gateway: Keyed) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(keyed_gateway.url).port)
    writer.write(b"no request\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    assert head.startswith(b"HTTP/1.0 400 ")
    assert b"\r\nServer: tagline\r\n" in head
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in head
