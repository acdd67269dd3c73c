"""BlurHash (https://blurha.sh): a picture blurred to some thirty characters.

Loaded in a decoding child only.
"""

from __future__ import annotations

import math
import string
from typing import Final

from PIL import Image

from shared.decoding.cosines import frequencies

_DIGITS: Final = (
    string.digits + string.ascii_uppercase + string.ascii_lowercase + "#$%*+,-.:;=?@[]^_{|}~"
)
_LONG, _SHORT = 4, 3
"""How many waves along the longer and the shorter side."""

_STEPS: Final = 9
"""A wave's height is told in so many steps up and down."""


def _linear(level: int) -> float:
    """Return an sRGB level as light (IEC 61966-2-1)."""
    share = level / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004


_LINEAR: Final = tuple(_linear(level) for level in range(256))

Colour = tuple[float, ...]


def blurhash_of(small: Image.Image, *, wide: bool) -> str:
    """Return the BlurHash of a picture in RGB; `wide`: it stands for one wider than high."""
    across, down = (_LONG, _SHORT) if wide else (_SHORT, _LONG)
    channels = [_channel(each, across, down) for each in small.split()]
    first, *others = zip(*channels, strict=True)
    highest = max(abs(value) for colour in others for value in colour)
    steps = max(0, min(82, math.floor(highest * 166 - 0.5)))
    unit = (steps + 1) / 166
    return "".join(
        (
            _written(across - 1 + (down - 1) * 9, 1),
            _written(steps, 1),
            _written(_whole(first), 4),
            *(_written(_wave(colour, unit), 2) for colour in others),
        )
    )


def _channel(channel: Image.Image, across: int, down: int) -> list[float]:
    """Return the heights of the waves of one channel, in linear light."""
    width, height = channel.size
    points = [_LINEAR[level] for level in channel.tobytes()]
    rows = [points[start : start + width] for start in range(0, len(points), width)]
    sums = frequencies(rows, across=across, down=down, at=0.0)
    first, *others = (each / (width * height) for each in sums)
    return [first, *(2 * each for each in others)]


def _whole(colour: Colour) -> int:
    red, green, blue = (_level(value) for value in colour)
    return (red << 16) + (green << 8) + blue


def _level(linear: float) -> int:
    share = max(0.0, min(1.0, linear))
    curved = share * 12.92 if share <= 0.0031308 else 1.055 * share ** (1 / 2.4) - 0.055  # noqa: PLR2004
    return math.floor(curved * 255 + 0.5)


def _wave(colour: Colour, unit: float) -> int:
    red, green, blue = (_step(value / unit) for value in colour)
    return (red * 19 + green) * 19 + blue


def _step(height: float) -> int:
    curved = math.copysign(math.sqrt(abs(height)), height)
    return max(0, min(2 * _STEPS, math.floor(curved * _STEPS + _STEPS + 0.5)))


def _written(number: int, digits: int) -> str:
    return "".join(_DIGITS[number // 83**place % 83] for place in reversed(range(digits)))
