"""One picture, and what may become of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TAKEN: Final = "taken"
BAD: Final = "bad_image"
OTHER: Final = "unsupported_image"
ANY: Final = frozenset({TAKEN, BAD, OTHER})
COMPLETE: Final = "complete"
EITHER: Final = frozenset({COMPLETE, BAD})


@dataclass(frozen=True)
class Odd:
    """`answers`: what the gateway may say to it; `ends`: how the tagger may end it, if taken."""

    name: str
    content: bytes
    answers: frozenset[str]
    ends: frozenset[str] = EITHER


def good(name: str, content: bytes) -> Odd:
    """An odd picture that is as good as any."""
    return Odd(name, content, frozenset({TAKEN}), frozenset({COMPLETE}))


def taken(name: str, content: bytes) -> Odd:
    """One whose header can be read, and nothing else is sure."""
    return Odd(name, content, frozenset({TAKEN}))


def refused(name: str, content: bytes, code: str = BAD) -> Odd:
    """One that has to be refused."""
    return Odd(name, content, frozenset({code}))


def unsure(name: str, content: bytes) -> Odd:
    """One of which all that counts is that it does no harm."""
    return Odd(name, content, ANY)


def spoilt(name: str, content: bytes) -> Odd:
    """One that is taken by its header, and has to end as no picture."""
    return Odd(name, content, frozenset({TAKEN}), frozenset({BAD}))
