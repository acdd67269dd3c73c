"""As many pictures as are wanted, the same ones each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from itertools import islice

from .hostile import hostile
from .made import made
from .mutated import mutations
from .odd import Odd, good

SEED = 8


@cache
def hostile_pictures() -> tuple[Odd, ...]:
    """Those that are good in an odd way, and those that were made to do harm."""
    return (*(good(name, content) for name, content in made().items()), *hostile())


def mutated_pictures(count: int, *, of: int | None = None) -> Iterator[Odd]:
    """Yield `count` that something happened to; where there are more, spread over `of`."""
    step = max(1, (of or count) // count)
    return islice(mutations(random.Random(SEED)), 0, count * step, step)


def some_pictures(count: int) -> list[Odd]:
    """Return `count` of all kinds, spread over the hostile ones and as many mutated."""
    both = [*hostile_pictures(), *mutated_pictures(max(count, 100), of=3000)]
    return both[:: max(1, len(both) // count)]


def pictures(count: int, *, of: int | None = None) -> Iterator[Odd]:
    """Yield all the hostile ones, and of the mutated so many that there are `count`."""
    yield from hostile_pictures()
    yield from mutated_pictures(count - len(hostile_pictures()), of=of)
