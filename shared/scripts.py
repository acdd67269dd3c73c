"""The texts of the scripts in `shared/lua`, each with the parts of the library that it uses."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

_LUA: Final = Path(__file__).parent / "lua"
_LIBRARY: Final = (
    "prelude",
    "counting",
    "spending",
    "moving",
    "similar",
    "tagging",
    "watching",
)
"""What scripts share, in the order in which it builds on each other."""

_COMMENT: Final = re.compile(r"^--.*\n| +--.*", re.MULTILINE)
_DEFINITION: Final = re.compile(r"^local (?:function )?(\w+)", re.MULTILINE)


def text_of(name: str) -> str:
    """Return the script `shared/lua/<name>.lua` after those definitions of the library it needs.

    At each call of a script the server makes all its functions, and collects them again: those
    that it has no use for would cost more than the shortest scripts do.

    Scripts by which a photo goes on to its end say in their first line, which the server wants to
    see first, that they may take memory: a full server can be worked empty.
    """
    flags, code = "", _read(name)
    if code.startswith("#!"):
        flags, _, code = code.partition("\n")
        flags += "\n"
    code = _COMMENT.sub("", code)
    # The last first: what is defined is used by what comes after it alone.
    for word, definition in reversed(_definitions()):
        if re.search(rf"\b{word}\b", code):
            code = definition + code
    return flags + code


@cache
def _definitions() -> list[tuple[str, str]]:
    """Return the local names that the library defines, each with its text."""
    text = _COMMENT.sub("", "".join(_read(f"lib/{part}") for part in _LIBRARY))
    starts = list(_DEFINITION.finditer(text))
    ends = [each.start() for each in starts[1:]] + [len(text)]
    return [(start[1], text[start.start() : end]) for start, end in zip(starts, ends, strict=True)]


def _read(name: str) -> str:
    return (_LUA / f"{name}.lua").read_text(encoding="utf-8")
