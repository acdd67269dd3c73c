"""How wide and high an image is, found in its header while the header still comes.

Whoever wrote the header may have made it to keep its reader busy. Each walk goes on where it
stopped when more has come, and gives up after `MOST_STEPS`: no byte is looked at twice, and the
whole of it is a few milliseconds.
"""

from __future__ import annotations

import io
from typing import Final, Protocol

import imagesize

from services.gateway.images import AVIF, GIF, HEIC, JPEG, SIGNATURE_BYTES, Format

MOST_STEPS: Final = 2000
"""Segments, boxes, fill bytes and entries of one header. A grid of 512-pixel tiles that makes up
100 megapixels has 400 boxes and entries."""

MOST_BOX_BYTES: Final = 64 * 1024
"""Most bytes of a box that has to be read."""

_BARE: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
"""What follows 0xFF in a JPEG, and no segment follows: a 0xFF of data, TEM and RSTn."""

_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of the segments that hold width and height: SOFn."""

_EXIF: Final = 0xE1
_FILL: Final = 0xFF
_ENDS: Final = frozenset({0xD9, 0xDA})
"""Markers after which no header comes: EOI and SOS."""

Size = tuple[int, int]


class Header(Protocol):
    """A header that comes bit by bit."""

    def size(self, head: bytearray) -> Size | None:
        """Return width and height in pixels, upright; None if `head` does not say it yet.

        `head`: the file's first bytes, each time more of them. Raises `ValueError` if it never
        will say it.
        """


def header_of(image_format: Format) -> Header:
    """Return what reads the header of a file of this format."""
    if image_format == JPEG:
        return _Jpeg()
    if image_format in {HEIC, AVIF}:
        return _Heif()
    return _Gif() if image_format == GIF else _Fixed()


class _Steps:
    def __init__(self) -> None:
        self._left = MOST_STEPS

    def take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ValueError(f"more than {MOST_STEPS} parts")


class _Gif:
    """Says it right after its signature."""

    def size(self, head: bytearray) -> Size | None:
        if len(head) < 10:  # noqa: PLR2004
            return None
        # Not by imagesize, which takes 32768 for less than nothing.
        return _above_zero(
            int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        )


class _Fixed:
    """PNG and WebP say it within the bytes that tell their format."""

    def size(self, head: bytearray) -> Size | None:
        return _measured(head[:SIGNATURE_BYTES])


class _Jpeg:
    """Walks the segments up to the frame's; remembers the one with the orientation."""

    def __init__(self) -> None:
        self._steps = _Steps()
        self._position = 2
        self._exif = b""

    def size(self, head: bytearray) -> Size | None:
        while (found := self._segment(head)) is not None:
            marker, segment = found
            if marker in _FRAMES:
                return self._of_frame(segment)
            if marker == _EXIF and not self._exif and segment[4:10] == b"Exif\0\0":
                self._exif = segment
        return None

    def _of_frame(self, segment: bytes) -> Size:
        if self._exif:  # which may turn it
            return _measured(b"\xff\xd8" + self._exif + segment)
        if len(segment) < 9:  # noqa: PLR2004
            raise ValueError("no size")
        return _above_zero(int.from_bytes(segment[7:9], "big"), int.from_bytes(segment[5:7], "big"))

    def _segment(self, head: bytearray) -> tuple[int, bytes] | None:
        """Return the next marker and its segment, marker included; None if it is not all there."""
        while 0 <= (start := head.find(_FILL, self._position)) <= len(head) - 4:
            marker = head[start + 1]
            if marker == _FILL:
                self._pass_to(start + 1)
            elif marker in _BARE:
                self._pass_to(start + 2)
            elif marker in _ENDS:
                raise ValueError("no frame")
            else:
                end = start + 2 + int.from_bytes(head[start + 2 : start + 4], "big")
                if end < start + 4:
                    raise ValueError("a segment shorter than its own length")
                if end > len(head):
                    self._position = start
                    return None
                self._pass_to(end)
                return marker, bytes(head[start:end])
        self._position = len(head) if start < 0 else start
        return None

    def _pass_to(self, position: int) -> None:
        self._steps.take()
        self._position = position


class _Heif:
    """Walks the boxes of `meta` (ISO/IEC 14496-12, 23008-12) down to the primary item's size."""

    _DESCENDED: Final = {b"meta": 4, b"iprp": 0, b"ipco": 0}
    """What holds boxes, and how many bytes it has before them."""

    _READ: Final = frozenset({b"pitm", b"ispe", b"clap", b"irot", b"ipma"})

    def __init__(self) -> None:
        self._steps = _Steps()
        self._position = 0
        self._ends: dict[bytes, int] = {}
        self._primary = -1
        self._properties: list[tuple[bytes, bytes]] = []
        self._of_items: dict[int, tuple[int, bytes]] = {}

    def size(self, head: bytearray) -> Size | None:
        while self._position < self._ends.get(b"meta", self._position + 1):
            if not self._step(head):
                return None
        return self._found()

    def _step(self, head: bytearray) -> bool:
        """Pass one box; says whether enough of it was there."""
        at = self._position
        length, start = int.from_bytes(head[at : at + 4], "big"), at + 8
        if length == 1:
            length, start = int.from_bytes(head[at + 8 : at + 16], "big"), at + 16
        kind, end = bytes(head[at + 4 : at + 8]), at + length
        if len(head) < start:
            return False
        if end < start:
            raise ValueError("a box shorter than its own head")
        if kind in self._READ and b"meta" in self._ends:
            if end - start > MOST_BOX_BYTES:
                raise ValueError("a box too long")
            if len(head) < end:
                return False
        self._steps.take()
        if kind in self._DESCENDED:
            self._ends.setdefault(kind, end)
            self._position = start + self._DESCENDED[kind]
            return True
        self._read(kind, bytes(head[start:end]) if kind in self._READ else b"")
        self._position = end
        return True

    def _read(self, kind: bytes, box: bytes) -> None:
        if self._position < self._ends.get(b"ipco", 0):
            self._properties.append((kind, box))
        elif kind == b"pitm":
            self._primary = int.from_bytes(box[4 : 8 if box[:1] != b"\0" else 6], "big")
        elif kind == b"ipma":
            self._note_associations(box)

    def _note_associations(self, box: bytes) -> None:
        id_bytes = 2 if box[:1] == b"\0" else 4
        index_bytes = 1 + (int.from_bytes(box[1:4], "big") & 1)
        at = 8
        for _ in range(int.from_bytes(box[4:8], "big")):
            self._steps.take()
            first = at + id_bytes + 1
            if first > len(box):
                raise ValueError("an entry beyond its box")
            item = int.from_bytes(box[at : first - 1], "big")
            at = first + box[first - 1] * index_bytes
            self._of_items[item] = index_bytes, box[first:at]

    def _found(self) -> Size:
        size, quarters = (0, 0), 0
        for kind, box in self._properties_of_primary():
            if kind == b"ispe":
                size = int.from_bytes(box[4:8], "big"), int.from_bytes(box[8:12], "big")
            elif kind == b"clap":
                size = _quotient(box, 0), _quotient(box, 8)
            elif kind == b"irot":
                quarters = int.from_bytes(box[:1], "big") & 3
        if not all(size):
            raise ValueError("no size")
        return size[::-1] if quarters % 2 else size

    def _properties_of_primary(self) -> list[tuple[bytes, bytes]]:
        if self._primary not in self._of_items:
            return self._properties
        width, indexes = self._of_items[self._primary]
        # The highest bit says that a property is essential.
        mask = (1 << (8 * width - 1)) - 1
        numbers = [
            int.from_bytes(indexes[at : at + width], "big") & mask
            for at in range(0, len(indexes), width)
        ]
        return [
            self._properties[number - 1]
            for number in numbers
            if 1 <= number <= len(self._properties)
        ]


def _quotient(box: bytes, at: int) -> int:
    above, below = (int.from_bytes(box[start : start + 4], "big") for start in (at, at + 4))
    return above // below if below else 0


def _measured(header: bytes | bytearray) -> Size:
    """Return what a header says that is whole, and short."""
    return _above_zero(*imagesize.get(io.BytesIO(header)))


def _above_zero(width: int, height: int) -> Size:
    if width <= 0 or height <= 0:
        raise ValueError("no size")
    return width, height
