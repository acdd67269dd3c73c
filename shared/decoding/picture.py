"""What comes out of a decode."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo, decoded, upright, its longest side at most what was asked for.

    `rgb` holds `height * width * 3` bytes: rows from the top, 8 bits a channel, sRGB. Where nobody
    looks at those it is empty, and `jpeg` is the same picture as a file.
    """

    width: int
    height: int
    rgb: bytes
    jpeg: bytes = b""
