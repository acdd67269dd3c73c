"""WebSocket frames as bytes (RFC 6455, 5.2), well-formed ones and others."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

TEXT, BINARY, MORE, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10

PACKETS = (
    b"2probe",
    b"5",
    b"40",
    b'40{"resume":true}',
    b'40{"resume":true,"socketId":"3-x","lastEventId":"1-1"}',
    b'42["event",1]',
    b'451-["a",{"_placeholder":true,"num":0}]',
    b"41",
    b"3",
    b"1",
    b"0{}",
    b"6",
    b"4",
    b"40/admin,",
    b"40{",
    b"40" + b"[" * 5000,
    b"4" + b"9" * 400,
    b"",
    b"4\xff",
    b"40null",
    b'40"x"',
    b'40{"resume":[{}],"socketId":{},"lastEventId":7}',
    b"4" * 16_000,
    b"43",
    b"44",
    b"4/,",
)
"""What an Engine.IO client may say, and what it may not."""


def frame(
    content: bytes,
    opcode: int = TEXT,
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\1\2\3\4",
    length: int | None = None,
) -> bytes:
    """`length`: what it says of its own length, where that is not so."""
    said = len(content) if length is None else length
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    masked = 0 if mask is None else 0x80
    if said < 126:
        head = struct.pack("!BB", first, masked | said)
    elif said < 65_536:
        head = struct.pack("!BBH", first, masked | 126, said)
    else:
        head = struct.pack("!BBQ", first, masked | 127, said)
    if mask is None:
        return head + content
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(content))


def breaches() -> dict[str, tuple[bytes, int]]:
    """Frames that break the protocol, and the close code that answers each."""
    return {
        "a reserved bit": (frame(b"x", rsv=4), 1002),
        "another": (frame(b"x", rsv=1), 1002),
        "an unknown opcode": (frame(b"x", 3), 1002),
        "an unknown control frame": (frame(b"", 11), 1002),
        "a continuation of nothing": (frame(b"x", MORE), 1002),
        "a text within a text": (frame(b"x", fin=False) + frame(b"y"), 1002),
        "a ping in pieces": (frame(b"x", PING, fin=False), 1002),
        "a ping too long": (frame(bytes(126), PING), 1002),
        "no UTF-8": (frame(b"\xff\xfe"), 1007),
        "no UTF-8 in pieces": (frame(b"\xe2", fin=False) + frame(b"x", MORE), 1007),
        "a close of one byte": (frame(b"\3", CLOSE), 1002),
        "a close with a code that there is not": (frame(struct.pack("!H", 999), CLOSE), 1002),
        "too large": (frame(b"", length=16_386), 1009),
        "too large by far": (frame(b"", length=2**62), 1009),
        "too large in pieces": (frame(bytes(9000), fin=False) + frame(bytes(9000), MORE), 1009),
    }


def mutated(count: int, seed: int) -> Iterator[bytes]:
    """Yield `count` times what a client may send, one or some frames; the same for a seed."""
    chance = random.Random(seed)
    for _ in range(count):
        sent = b"".join(_odd(chance) for _ in range(chance.choice((1, 1, 2, 4))))
        if chance.random() < 0.4:
            sent = _scrambled(sent, chance)
        yield sent


def _odd(chance: random.Random) -> bytes:
    content = chance.choice((*PACKETS, chance.randbytes(chance.randrange(200))))
    return frame(
        content,
        chance.choice((TEXT, TEXT, TEXT, BINARY, MORE, CLOSE, PING, PONG, chance.randrange(16))),
        fin=chance.random() < 0.8,
        rsv=chance.choice((0, 0, 0, 0, chance.randrange(8))),
        mask=None if chance.random() < 0.1 else chance.randbytes(4),
        length=chance.choice((None,) * 6 + (0, 125, 126, 65_535, 2**31, 2**63, 2**64 - 1)),
    )


def _scrambled(raw: bytes, chance: random.Random) -> bytes:
    broken = bytearray(raw)
    for _ in range(chance.choice((1, 2, 4))):
        at = chance.randrange(len(broken)) if broken else 0
        match chance.randrange(4):
            case 0 if broken:
                broken[at] ^= 1 << chance.randrange(8)
            case 1:
                del broken[at:]
            case 2:
                del broken[at : at + chance.randrange(8)]
            case _:
                broken[at:at] = chance.randbytes(chance.randrange(12))
    return bytes(broken)
