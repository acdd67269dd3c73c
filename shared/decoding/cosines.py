"""What a small picture is made of, as waves: the lowest frequencies of its cosine transform.

Loaded in a decoding child only. Plain Python: of 32 x 32 numbers it is half a millisecond, and
numpy would cost each child 16 MB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from operator import mul


def frequencies(
    rows: Sequence[Sequence[float]], *, across: int, down: int, at: float
) -> list[float]:
    """Return the `down` rows of `across` lowest frequencies, the constant one first.

    They are sums, not divided by how many numbers there are. `at`: where in a point a wave is
    looked at: 0.5, its middle, makes it a DCT-II.
    """
    by_row = [_along(row, across, at) for row in rows]
    by_column = [_along(column, down, at) for column in zip(*by_row, strict=True)]
    return [each for row in zip(*by_column, strict=True) for each in row]


def _along(numbers: Sequence[float], count: int, at: float) -> list[float]:
    return [sum(map(mul, numbers, wave)) for wave in _waves(count, len(numbers), at)]


@cache
def _waves(count: int, length: int, at: float) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(math.cos(math.pi * wave * (point + at) / length) for point in range(length))
        for wave in range(count)
    )
