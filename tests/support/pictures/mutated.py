"""Pictures that something has happened to: cut off, flipped bits, fields that lie."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .made import made
from .odd import ANY, BAD, OTHER, TAKEN, Odd, refused, taken, unsure
from .structure import Structure, structure_of

SIGNATURES = {"jpeg": 3, "png": 8, "webp": 12, "gif": 6, "avif": 24, "heic": 24}
"""So many bytes tell the format; of AVIF and HEIC, with all their brands."""


def mutations(chance: random.Random) -> Iterator[Odd]:
    """Yield one after another, for ever; each round has other chances."""
    structures = {name: (content, structure_of(name, content)) for name, content in made().items()}
    for name, (content, found) in structures.items():
        yield from _cut_at_each_part(name, content, found)
    for name, (content, found) in structures.items():
        yield from _lying_sides(name, content, found)
    while True:
        for name, (content, found) in structures.items():
            yield _flipped(name, content, chance)
            yield _lying_length(name, content, found, chance)
            yield _spliced(name, content, chance)


def _cut_at_each_part(name: str, content: bytes, found: Structure) -> Iterator[Odd]:
    for start in sorted({0, 1, *found.starts, len(content) - 1}):
        for at in (start - 1, start, start + 1, start + 5):
            if 0 <= at < len(content):
                yield Odd(f"{name} cut at {at}", content[:at], _answers_to_a_part(name, at, found))


def _answers_to_a_part(name: str, size_bytes: int, found: Structure) -> frozenset[str]:
    kind = name.partition("-")[0]
    if size_bytes == 0:
        return frozenset({BAD})
    if size_bytes < SIGNATURES[kind]:
        # An `ftyp` may have said its main brand before it is cut off.
        return frozenset({OTHER, BAD}) if kind in {"avif", "heic"} else frozenset({OTHER})
    assert found.known_at is not None
    if size_bytes >= found.known_at:
        return frozenset({TAKEN})
    # Of WebP and HEIF, the sides may stand before the place after which they are sure to.
    return frozenset({BAD, TAKEN}) if kind in {"webp", "avif", "heic"} else frozenset({BAD})


def _lying_sides(name: str, content: bytes, found: Structure) -> Iterator[Odd]:
    for across, down in zip(found.sides[::2], found.sides[1::2], strict=True):
        sure = across == found.sides[0] and name.partition("-")[0] in {"png", "gif", "jpeg"}
        for width, height in ((0, 0), (0, 5), (1, 1), (1 << 30, 1 << 30), (1 << 15, 1 << 11)):
            lying = content
            for (at, size), side in ((across, width), (down, height)):
                most = (1 << (8 * size)) - 1
                lying = _written(lying, at, size, min(side, most), little=found.little)
            label = f"{name} says {width} x {height} at {across[0]}"
            if not sure:
                yield unsure(label, lying)
            else:
                yield (refused if width in {0, 1 << 30} else taken)(label, lying)


def _flipped(name: str, content: bytes, chance: random.Random) -> Odd:
    broken = bytearray(content)
    # Half of them where the structure is: in the first bytes.
    reach = len(content) if chance.random() < 0.5 else min(len(content), 200)
    places = [chance.randrange(reach) for _ in range(chance.choice((1, 1, 2, 4, 8, 32)))]
    for at in places:
        broken[at] ^= 1 << chance.randrange(8)
    return unsure(f"{name} flipped at {places[:4]}", bytes(broken))


def _lying_length(name: str, content: bytes, found: Structure, chance: random.Random) -> Odd:
    at, size = chance.choice(found.lengths)
    most = (1 << (8 * size)) - 1
    true = int.from_bytes(content[at : at + size], "little" if found.little else "big")
    lie = chance.choice(
        (0, 1, 2, 7, 8, true - 1, true + 1, most // 2, most, chance.randint(0, most))
    )
    lie = max(0, min(most, lie))
    return unsure(
        f"{name} says {lie} long at {at}", _written(content, at, size, lie, little=found.little)
    )


def _spliced(name: str, content: bytes, chance: random.Random) -> Odd:
    one, other = sorted(chance.randrange(len(content)) for _ in range(2))
    match chance.randrange(4):
        case 0:
            spliced, what = content[:one] + content[other:], "cut out"
        case 1:
            spliced, what = content[:other] + content[one:], "doubled"
        case 2:
            spliced, what = content[:one] + chance.randbytes(64) + content[one:], "put into"
        case _:
            spliced, what = content[:one] + bytes(other - one) + content[other:], "blanked"
    return Odd(f"{name} {what} from {one} to {other}", spliced, ANY)


def _written(content: bytes, at: int, size: int, number: int, *, little: bool) -> bytes:
    return (
        content[:at] + number.to_bytes(size, "little" if little else "big") + content[at + size :]
    )
