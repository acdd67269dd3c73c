"""Requests to the gateway as bytes, and what can happen to them on the way or on purpose."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator

from tests.support.clients import PHOTOS
from tests.support.odd_lines import (
    CHUNKS,
    DISPOSITIONS,
    ENCODINGS,
    LENGTHS,
    LINES,
    NAMES,
    PART_LINES,
    TYPES,
)

CAT = (PHOTOS / "cat.jpg").read_bytes()[:6000]
"""As much of a photo as the gateway looks at."""


def part(
    content: bytes, *, name: bytes = b"photo", filename: bytes = b"a.jpg", lines: bytes = b""
) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n%b\r\n%b\r\n' % (
        name,
        filename,
        lines,
        content,
    )


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


def request(line: bytes, body: bytes, *lines: bytes, chunked: bool = False) -> bytes:
    if chunked:
        middle = len(body) // 2
        pieces = (body[:middle], body[middle:])
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        lines = (*lines, b"Transfer-Encoding: chunked")
    elif body:
        lines = (*lines, b"Content-Length: %d" % len(body))
    return b"\r\n".join((line, b"Host: here", b"Connection: close", *lines, b"", b"")) + body


UPLOAD = b"POST /api/photos/upload HTTP/1.1"
FORM = b"Content-Type: multipart/form-data; boundary=b"
JSON = b"Content-Type: application/json"


def well_formed() -> list[bytes]:
    """Requests that the gateway takes, or has a reason not to."""
    cat, field = part(CAT), part(b"high", name=b"priority")
    return [
        request(UPLOAD, form(cat), FORM),
        request(UPLOAD, form(cat), FORM, chunked=True),
        request(UPLOAD, form(field, cat, part(CAT[:5000])), FORM, b"Idempotency-Key: k"),
        request(UPLOAD, zlib.compress(form(cat)), FORM, b"Content-Encoding: deflate"),
        request(
            b"PUT /api/photos/1/tags HTTP/1.1", b'{"tags": ["cat", "\xc3\xa9t\xc3\xa9"]}', JSON
        ),
        request(b"POST /api/photos/1/retag HTTP/1.1", b'{"priority": "low"}', JSON, chunked=True),
        request(b"POST /api/photos/1/watch HTTP/1.1", b"", b"X-Socket-Id: 3-" + b"a" * 32),
        request(b"GET /api/photos?limit=5&tag=cat&q=c HTTP/1.1", b"", b"Accept-Language: en;q=0.5"),
        request(b"GET /api/photos/1/file HTTP/1.1", b"", b"Range: bytes=5-9"),
        request(b"GET /api/photos/1/thumbnail?size=64 HTTP/1.1", b"", b"Accept: image/webp"),
        request(b"OPTIONS /api/photos HTTP/1.1", b"", b"Origin: http://here"),
    ]


def mutated(count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` requests, the same ones for a seed."""
    chance = random.Random(seed)
    plain = well_formed()
    for _ in range(count):
        kind = chance.randrange(8)
        if kind < 3:  # what stands where, and nothing that looks at it
            yield _scrambled(chance.choice(plain), chance)
        elif kind < 5:
            yield _odd_header(chance.choice(plain), chance)
        else:
            yield _odd_form(chance)


def _scrambled(raw: bytes, chance: random.Random) -> bytes:
    broken = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 5))):
        reach = len(broken) if chance.random() < 0.3 else min(len(broken), 400)
        at = chance.randrange(reach) if reach else 0
        match chance.randrange(6):
            case 0 if broken:
                broken[at % len(broken)] ^= 1 << chance.randrange(8)
            case 1:
                del broken[at:]
            case 2:
                del broken[at : at + chance.randrange(40)]
            case 3:
                broken[at:at] = broken[at : at + chance.randrange(400)]
            case 4:
                broken[at:at] = chance.choice(
                    (b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"--b", b": ")
                )
            case _:
                broken[at:at] = chance.randbytes(chance.randrange(60))
    return bytes(broken)


def _odd_header(raw: bytes, chance: random.Random) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    match chance.randrange(6):
        case 0:
            lines = [line for line in lines if not line.startswith(b"Content-Length")]
            lines.append(b"Content-Length: " + chance.choice(LENGTHS))
        case 1:
            lines.append(b"Transfer-Encoding: " + chance.choice(ENCODINGS))
        case 2:
            lines = [line for line in lines if not line.startswith(b"Content-Type")]
            lines.append(b"Content-Type: " + chance.choice(TYPES))
        case 3:
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(LINES))
        case 4:
            lines += [chance.choice(lines)] * chance.choice((1, 2, 150))
        case _:
            lines = [line for line in lines if not line.startswith(b"Content-Length")]
            lines.append(b"Transfer-Encoding: chunked")
            body = b"".join(chance.choice(CHUNKS) for _ in range(3)) + body
    return b"\r\n".join((first, *lines, b"", b"")) + body


def _odd_form(chance: random.Random) -> bytes:
    filename, lines = chance.choice(NAMES), b""
    match chance.randrange(7):
        case 0:
            lines = chance.choice(PART_LINES) + b"\r\n"
            body = form(part(CAT, lines=lines))
        case 1:
            body = form(part(CAT, filename=filename), part(CAT, filename=chance.choice(NAMES)))
        case 2:
            disposition = b"Content-Disposition: " + chance.choice(DISPOSITIONS)
            body = b"--b\r\n" + disposition + b"\r\n\r\n" + CAT + b"\r\n--b--\r\n"
        case 3:
            field = chance.choice((b"socketId", b"priority", b"locale", b"_charset_", b"x" * 5000))
            value = chance.choice((b"", b"\xff", b"high\r\n", b"x" * 2000, b"fr\0", *NAMES))
            body = form(part(value, name=field), part(CAT))
        case 4:
            body = form(*[part(b"x", name=b"f%d" % number) for number in range(150)], part(CAT))
        case 5:
            before = chance.choice(
                (b"preamble\r\n" * 9000, b"\r\n", b"--c\r\n", b"--b--\r\n", b"--b")
            )
            body = before + form(part(CAT)) + chance.choice((b"", b"epilogue", b"--b\r\n", CAT))
        case _:
            cut = form(part(CAT, filename=filename), part(CAT))
            body = cut[: chance.randrange(len(cut))]
    return request(UPLOAD, body, FORM, chunked=chance.random() < 0.3)
