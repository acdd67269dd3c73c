"""Pictures that take their time to read, or much memory."""

from __future__ import annotations

import os
import zlib

from PIL import Image

from tests.support.pictures.made import png


def noise(size: tuple[int, int]) -> Image.Image:
    """Return what no format makes small: it takes its time to read."""
    return Image.frombytes("RGB", size, os.urandom(size[0] * size[1] * 3))


def png_of_zeros(width: int, height: int) -> bytes:
    """Return a PNG that is a thousandth of the size of its pixels."""
    compressor = zlib.compressobj(9)
    row = bytes(1 + width * 4)
    rows = b"".join(compressor.compress(row) for _ in range(height)) + compressor.flush()
    return png(width, height, rows, colour=6)
