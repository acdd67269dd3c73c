"""Under which name a photo is saved: `Content-Disposition` (RFC 6266)."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

NAME_CHARS: Final = 100

_PATH: Final = re.compile(r"[/\\]")
_SPECIAL: Final = re.compile(r'[:*?"<>|%]')
"""What some file system or shell takes for more than a letter."""


def disposition(original_name: str, filename: str) -> str:
    """Return the header's value: shown in place, and saved as the client called it.

    `original_name` is whatever a client has written, on one line. Of a path, the last part
    counts; what the name ends with is what we know of the bytes, never what it says.
    """
    last = _SPECIAL.sub("_", _PATH.split(original_name)[-1]).strip(". ")
    stem = PurePosixPath(last).stem.strip(". ")[:NAME_CHARS]
    if not stem:
        return f'inline; filename="{filename}"'
    named = quote(f"{stem}{PurePosixPath(filename).suffix}", safe="")
    return f"inline; filename=\"{filename}\"; filename*=UTF-8''{named}"
