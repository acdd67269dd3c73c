"""The colours that a picture consists of. Loaded in a decoding child only."""

from __future__ import annotations

import math
from typing import Final

from PIL import Image

from shared.decoding.protocol import MOST_COLORS

_CUT_INTO: Final = 16
_ALIKE: Final = 48
"""How far apart two colours are that are told as one; black and white are 442 apart."""

_LEAST_SHARE: Final = 0.02


def colors_of(small: Image.Image) -> list[str]:
    """Return the main colours of a picture in RGB as `#rrggbb`, the most common first."""
    cut = small.quantize(_CUT_INTO, Image.Quantize.MEDIANCUT, kmeans=1)
    levels = cut.getpalette() or []
    palette = [tuple(levels[start : start + 3]) for start in range(0, len(levels), 3)]
    counted = zip(cut.histogram(), palette, strict=False)  # of 256 places, most are not used
    shares: dict[tuple[int, ...], int] = {}
    for count, color in sorted(counted, reverse=True):
        alike = next((each for each in shares if math.dist(each, color) < _ALIKE), color)
        shares[alike] = shares.get(alike, 0) + count
    least = _LEAST_SHARE * sum(shares.values())
    common = sorted(shares, key=lambda color: -shares[color])[:MOST_COLORS]
    return ["#{:02x}{:02x}{:02x}".format(*color) for color in common if shares[color] >= least]
