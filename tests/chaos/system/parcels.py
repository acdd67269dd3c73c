"""What is uploaded, and what is done to it after: chosen by the seed and a number."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Final

from tests.chaos.failing import POISON
from tests.chaos.system.plan import Plan
from tests.support.api import picture

KINDS: Final = {"good": 92, "corrupt": 4, "refused": 4}
"""And how many in a hundred. Poison, which kills its tagger, comes in a number of its own."""

ORDERS: Final = {
    "": 66, "cancel": 8, "retag": 6, "delete": 6, "edit": 5, "watch": 5, "thumbnail": 4,
}  # fmt: skip
BATCHES: Final = 0.08
REPEATED: Final = 0.15
MISMATCHED: Final = 0.04
UNKEYED: Final = 0.05
PRIORITIES: Final = {"high": 15, "normal": 70, "low": 15}


@dataclass(frozen=True)
class Parcel:
    """One upload: its photos, how it is sent, and what is wanted of its first photo later.

    `repeated`: sent again by the same key after it was accepted; `mismatched`: so with other
    bytes. `unkeyed`: sent once, without a key. `pause_s`: before the order is given.
    """

    number: int
    kind: str
    photos: tuple[bytes, ...]
    order: str
    priority: str
    repeated: bool
    mismatched: bool
    unkeyed: bool
    pause_s: float

    @property
    def digests(self) -> tuple[str, ...]:
        return tuple(hashlib.sha256(photo).hexdigest() for photo in self.photos)


def parcels(plan: Plan) -> list[Parcel]:
    """Return all uploads of a run, about `plan.uploads` photos."""
    chance = random.Random(f"{plan.seed} parcels")
    found: list[Parcel] = []
    photos = 0
    while photos < plan.uploads:
        found.append(_parcel(len(found), photos, chance))
        photos += len(found[-1].photos)
    # Early, because it takes three leases until it is known for what it is.
    for number in range(plan.poison):
        at = (number + 1) * len(found) // (2 * plan.poison + 2)
        found[at] = _poison(at, photos + number)
    return found


def _parcel(number: int, first: int, chance: random.Random) -> Parcel:
    kind = _one_of(KINDS, chance)
    size = chance.randint(2, 5) if kind == "good" and chance.random() < BATCHES else 1
    unkeyed = chance.random() < UNKEYED
    accepted = kind != "refused"
    return Parcel(
        number,
        kind,
        tuple(_photo(kind, first + each) for each in range(size)),
        order=_one_of(ORDERS, chance) if accepted else "",
        priority=_one_of(PRIORITIES, chance),
        repeated=chance.random() < REPEATED and not unkeyed and accepted,
        mismatched=chance.random() < MISMATCHED and not unkeyed and accepted,
        unkeyed=unkeyed,
        pause_s=chance.uniform(0, 1.5),
    )


def _poison(number: int, photo: int) -> Parcel:
    poisonous = picture(photo) + POISON + str(photo).encode()
    return Parcel(number, "poison", (poisonous,), "", "normal", False, False, False, 0.0)


def _photo(kind: str, number: int) -> bytes:
    whole = picture(number)
    if kind == "refused":
        return b"This is no picture but text number %d." % number
    if kind == "corrupt":
        # The header is that of a picture; its pixels are not.
        at = whole.index(b"IDAT") + 4
        return whole[:at] + bytes(len(whole) - at) + number.to_bytes(4, "big")
    return whole


def _one_of(weights: dict[str, int], chance: random.Random) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
