"""Where the parts of a file begin, and where its fields for lengths and sides are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_BOXES = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"dinf": 0, b"moov": 0, b"trak": 0}
"""Boxes of boxes, and what they have before them."""


@dataclass
class Structure:
    """`starts`: of each part. `lengths`, `sides`: where such a field is, and its bytes.

    `sides` come in pairs. `known_at`: with how many bytes the sides can be told; None: it
    depends. `little`: the order of bytes.
    """

    starts: list[int] = field(default_factory=list)
    lengths: list[tuple[int, int]] = field(default_factory=list)
    sides: list[tuple[int, int]] = field(default_factory=list)
    known_at: int | None = None
    little: bool = False


def structure_of(name: str, content: bytes) -> Structure:
    """Return the structure of a good file of the format that `name` begins with."""
    kinds = {"jpeg": _jpeg, "png": _png, "webp": _webp, "gif": _gif, "avif": _heif, "heic": _heif}
    return kinds[name.partition("-")[0]](content)


def _jpeg(content: bytes) -> Structure:
    found = Structure()
    at = 2
    while at < len(content) - 4:
        found.starts.append(at)
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        found.lengths.append((at + 2, 2))
        if marker in {0xC0, 0xC1, 0xC2}:
            found.sides += [(at + 7, 2), (at + 5, 2)]
            found.known_at = at + 2 + length
        at += 2 + length
        if marker == 0xDA:  # data, up to the next marker that is no restart
            while content[at] != 0xFF or content[at + 1] in {0, *range(0xD0, 0xD8)}:
                at += 1
    return found


def _png(content: bytes) -> Structure:
    found = Structure(sides=[(16, 4), (20, 4)], known_at=24)
    at = 8
    while at < len(content):
        found.starts += [at, at + 8]
        found.lengths.append((at, 4))
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return found


def _webp(content: bytes) -> Structure:
    found = Structure(little=True, lengths=[(4, 4)], starts=[8], known_at=30)
    if content[12:16] == b"VP8 ":
        found.sides = [(26, 2), (28, 2)]
    elif content[12:16] == b"VP8X":
        found.sides = [(24, 3), (27, 3)]
    at = 12
    while at < len(content) - 8:
        found.starts += [at, at + 8]
        found.lengths.append((at + 4, 4))
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return found


def _gif(content: bytes) -> Structure:
    found = Structure(little=True, sides=[(6, 2), (8, 2)], known_at=10)
    flags = content[10]
    at = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    while content[at] != 0x3B:
        found.starts.append(at)
        if content[at] == 0x2C:
            local = content[at + 9]
            found.sides += [(at + 5, 2), (at + 7, 2)]
            at += 10 + (3 << ((local & 7) + 1) if local & 0x80 else 0) + 1
        else:
            at += 2
        while length := content[at]:
            found.starts.append(at)
            found.lengths.append((at, 1))
            at += 1 + length
        at += 1
    return found


def _heif(content: bytes) -> Structure:
    found = Structure()
    for at, kind, start, end in _boxes(content, 0, len(content)):
        found.starts += [at, start]
        found.lengths.append((at, 4))
        if kind == b"ispe":
            found.sides += [(start + 4, 4), (start + 8, 4)]
        if kind == b"meta":
            found.known_at = end
    return found


def _boxes(content: bytes, at: int, end: int) -> Iterator[tuple[int, bytes, int, int]]:
    while at + 8 <= end:
        length, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        yield at, kind, at + 8, at + length
        if kind in _BOXES:
            yield from _boxes(content, at + 8 + _BOXES[kind], at + length)
        at += max(8, length)
