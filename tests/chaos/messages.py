"""Which messages the fault program sends: chosen by the seed and a number, so never lost."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Final

from dramatiq import Message

from tests.support.broker import QUEUE

ACTOR: Final = "run"
KINDS: Final = {"work": 88, "slow": 4, "flaky": 6, "broken": 2}
"""And how many in a hundred. `work` takes milliseconds and `slow` a second, `flaky` fails the
first time, `broken` always. `poison`, which kills the process, comes in a number of its own."""

PRIORITIES: Final = {"high": 10, "normal": 75, "low": 15}
DELAYED: Final = 0.1
MOST_DELAY_MS: Final = 1500


@dataclass(frozen=True)
class Letter:
    """A message and how it is to be sent."""

    message: Message[Any]
    delay_ms: int | None


def message_id(producer: int, number: int) -> str:
    return f"{producer}-{number}"


def poison_numbers(count: int, poison: int) -> frozenset[int]:
    """Return which of a producer's `count` messages are poison, evenly spread."""
    return frozenset(count * each // (poison + 1) for each in range(1, poison + 1))


def letter(seed: int, producer: int, number: int, *, poison: bool) -> Letter:
    """Return message `number` of a producer."""
    chance = random.Random(f"{seed} {producer} {number}")
    kind = "poison" if poison else _one_of(KINDS, chance)
    message: Message[Any] = Message(
        QUEUE,
        ACTOR,
        (kind,),
        {},
        {"priority": _one_of(PRIORITIES, chance)},
        message_id=message_id(producer, number),
    )
    delay_ms = chance.randrange(MOST_DELAY_MS) if chance.random() < DELAYED else None
    return Letter(message, delay_ms)


def _one_of(weights: dict[str, int], chance: random.Random) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
