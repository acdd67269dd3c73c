"""The names of tags: how one is kept, how it is searched for, and which two are the same."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from shared.plain import plain
from shared.plurals import singular

NAME_CHARS: Final = 64
_SIGNS: Final = "-'\u2019&./+#"

_REMEMBERED: Final = 8_192
"""Names whose forms are at hand: most are the same again and again. 4 MB."""

_APART: Final = re.compile(r"[\s_\u2010-\u2015-]+")
"""What stands between words: `t-shirt` is `t shirt`."""

_MARKS: Final = re.compile("[\u0300-\u036f]")
"""Accents, taken off their letters. What other scripts write over their letters is none."""

_LETTERS: Final = str.maketrans({
    "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "\u0131": "i",
    "\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'", "\u00b4": "'",
})  # fmt: skip
"""What is no letter with an accent to Unicode, but typed without one by many."""


def cleaned(name: str) -> str:
    """Return a tag's name as it is kept: lower case, of letters, digits and a few signs.

    Empty if no letter and no digit is left. Tags are shown in many places, not all of them ours:
    no name can be markup, turn the text around it, or look like another while it is not.
    """
    # One of any length is not remembered.
    return _cleaned(name) if len(name) <= 2 * NAME_CHARS else _cleaned.__wrapped__(name)


def folded(name: str) -> str:
    """Return what a name is searched by: as it is kept, without accents, blanks for hyphens."""
    return _folded(cleaned(name))


def identity(name: str, locale: str) -> str:
    """Return what two names of one tag, in `locale`, have in common: folded, and in the singular.

    The identity of an identity is itself.
    """
    return _identity(cleaned(name), locale)


@lru_cache(_REMEMBERED)
def _cleaned(name: str) -> str:
    text = _one_form(plain(name, chars=8 * NAME_CHARS))
    kept = "".join(c if unicodedata.category(c)[0] in "LMN" or c in _SIGNS else " " for c in text)
    kept = " ".join(kept.split())[:NAME_CHARS].strip()
    return kept if any(c.isalnum() for c in kept) else ""


@lru_cache(_REMEMBERED)
def _folded(kept: str) -> str:
    plain = unicodedata.normalize("NFKD", kept.casefold().translate(_LETTERS)).casefold()
    plain = unicodedata.normalize("NFC", _MARKS.sub("", plain)).translate(_LETTERS)
    return _APART.sub(" ", plain).strip() or kept


@lru_cache(_REMEMBERED)
def _identity(kept: str, locale: str) -> str:
    words = _APART.sub(" ", kept).split()
    singulars = (singular(word, folded(word), locale) for word in words)
    return " ".join(filter(None, singulars)) or kept


def _one_form(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
