"""What files are called is data: one line of text, and never a path, a type or a header."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

import aiohttp
import orjson
import pytest

from services.gateway.disposition import disposition
from tests.support.api import Api, Keyed
from tests.support.clients import PHOTOS

CAT = (PHOTOS / "cat.jpg").read_bytes()

NAMES = {
    b"../../../etc/passwd": ("../../../etc/passwd", "passwd.jpg"),
    rb"C:\\Windows\\win.ini": (r"C:\Windows\win.ini", "win.jpg"),
    "\u202egpj.exe".encode(): ("gpj.exe", "gpj.jpg"),
    b"a\tb.png": ("ab.png", "ab.jpg"),
    b"x" * 4096: ("x" * 255, "x" * 100 + ".jpg"),
    b"page.html": ("page.html", "page.jpg"),
    b'say \\"hi\\".jpg': ('say "hi".jpg', "say _hi_.jpg"),
    b"<script>alert(1)</script>": ("<script>alert(1)</script>", "script_.jpg"),
    "l'été à 100 %.JPG".encode(): ("l'été à 100 %.JPG", "l'été à 100 _.jpg"),
    b"a; filename=b.exe": ("a; filename=b.exe", "a; filename=b.jpg"),
    b"%2e%2e%2fa": ("%2e%2e%2fa", "_2e_2e_2fa.jpg"),
    b"..": ("..", None),
    b"": ("", None),
    b"\xff\xfe.jpg": ("??.jpg", "__.jpg"),
}
"""What a client sends, what is shown, and what it is saved as; None: as we call it."""


def form(*names: bytes, content: bytes = CAT) -> bytes:
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="photo"; filename="%b"\r\n\r\n%b\r\n'
        % (name, content)
        for name in names
    )
    return parts + b"--b--\r\n"


async def sent(url: str, body: bytes) -> tuple[int, dict[str, object]]:
    headers = {
        "Authorization": "Bearer s3cret-a",
        "Content-Type": "multipart/form-data; boundary=b",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/photos/upload", data=body, headers=headers) as response,
    ):
        return response.status, orjson.loads(await response.read())


@pytest.mark.parametrize("name", NAMES, ids=[name.decode("latin-1")[:12] for name in NAMES])
async def test_a_name_is_shown_and_saved_as_text(
    keyed_gateway: Keyed, anna: Api, name: bytes
) -> None:
    shown, saved = NAMES[name]
    status, answer = await sent(keyed_gateway.url, form(name))
    assert status == 202
    photo = await anna.photo(int(str(answer["id"])))
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer s3cret-a"}) as session,
        session.get(keyed_gateway.url + photo["url"]) as response,
    ):
        assert await response.read() == CAT
        header = response.headers["Content-Disposition"]

    assert photo["originalName"] == shown
    plain, _, named = header.partition("; filename*=UTF-8''")
    assert plain == f'inline; filename="{photo["filename"]}"'
    assert (unquote(named) or None) == saved
    assert header.isascii()
    files = list(keyed_gateway.blobs.rglob(photo["filename"]))
    assert [file.parent.parent.name for file in files] == ["originals"]


async def test_a_name_in_code_is_shown_as_text_too(keyed_gateway: Keyed, anna: Api) -> None:
    coded = b"a%1b%5b31m%0d%0aX%3a%e2%80%ae%00b"
    body = form(b"x").replace(b'filename="x"', b"filename*=utf-8''" + coded)
    _, answer = await sent(keyed_gateway.url, body)
    photo = await anna.photo(int(str(answer["id"])))

    assert photo["originalName"] == "a[31mX:b"


async def test_a_refusal_names_the_file_as_text(keyed_gateway: Keyed, anna: Api) -> None:
    body = form(b"a\t\xe2\x80\xae" + b"y" * 4000, content=b"no picture at all, just words")
    status, problem = await sent(keyed_gateway.url, body)

    assert (status, problem["code"]) == (415, "unsupported_image")
    assert problem["file"] == ("a" + "y" * 4000)[:255]


async def test_a_name_that_would_be_a_header_is_no_name(keyed_gateway: Keyed, anna: Api) -> None:
    answers = await asyncio.gather(
        sent(keyed_gateway.url, form(b"a\r\nContent-Type: text/html\r\nX: b")),
        sent(keyed_gateway.url, form(b"a\0b")),
        sent(keyed_gateway.url, form(b"a\x1b[31m")),
        sent(keyed_gateway.url, form(b"z" * 9000)),
    )

    assert {status for status, _ in answers} == {400}


def test_no_name_gets_out_of_its_header() -> None:
    for code in range(0x3000):
        header = disposition(f"a{chr(code)}b.jpg", "photo-1.jpg")
        assert header.isascii()
        assert header.isprintable()
        assert header.count('"') == 2
