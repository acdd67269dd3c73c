"""The perceptual hash: 64 bits that stay much the same when a photo is scaled or compressed anew.

Loaded in a decoding child only.
"""

from __future__ import annotations

from statistics import median
from typing import Final

from PIL import Image

from shared.decoding.cosines import frequencies

SIDE_PX: Final = 32
_WAVES: Final = 8

_LEAST_CONTRAST: Final = 8
"""Grey levels between the darkest and the lightest point, of 255. What has less is a plain surface:
its hash would say how it was compressed, and nothing of what is on it."""


def hash_of(small: Image.Image) -> str | None:
    """Return the hash of a picture of `SIDE_PX` squared, 16 hex digits; None of a plain surface.

    A bit for each of the 8 x 8 lowest frequencies: whether it is above their median, as the
    pHash library has it. The number of bits that differ says how unlike two photos are: copies
    differ in 0 to 8, strangers in about 32.
    """
    points = small.convert("L").tobytes()
    if max(points) - min(points) < _LEAST_CONTRAST:
        return None
    rows = [points[start : start + SIDE_PX] for start in range(0, len(points), SIDE_PX)]
    waves = frequencies(rows, across=_WAVES, down=_WAVES, at=0.5)
    middle = median(waves[1:])  # the first is how light the whole is
    bits = "".join("1" if each > middle else "0" for each in waves)
    return f"{int(bits, 2):016x}"
