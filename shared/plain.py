"""Text of others as plain text: one line, without what is not seen, and no markup."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_MARKUP: Final = re.compile(r"<[^<>]{0,1000}>|[<>]")
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that are not seen; controls and the like are told by `isprintable`."""
_MARKS: Final = re.compile(r"([\u0300-\u036f]{2})[\u0300-\u036f]+")


def plain(text: str, *, chars: int) -> str:
    """Return `text` as one line of at most `chars` characters.

    Controls, directions, joiners, halves of surrogate pairs and the like go, and what is in angle
    brackets with them: clients other than our page may not escape what they show.
    """
    # Eight times as much for what is about to go; not megabytes of it.
    shown = "".join(c if c.isprintable() else " " for c in text[: chars * 8])
    composed = unicodedata.normalize("NFC", _UNSEEN.sub("", _MARKUP.sub(" ", shown)))
    return " ".join(_MARKS.sub(r"\1", composed).split())[:chars].strip()
