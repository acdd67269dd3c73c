"""What the C library does with the memory of pictures."""

from __future__ import annotations

import ctypes
from typing import Final

PICTURE_BYTES: Final = 256 * 1024
"""Less than a picture that a provider looks at has, more than what an attempt keeps."""

MANY: Final = 100
"""Photos in work at a time, from which on it is worth its price: 1 ms of CPU a photo."""

_M_MMAP_THRESHOLD: Final = -3  # malloc.h of glibc


def give_pictures_back() -> None:
    """Have blocks as large as pictures go back to the system when they are freed.

    By itself glibc keeps them once it has seen a few, small things come to lie between them, and
    a thousand photos in work hold half a megabyte each instead of a tenth.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # not everywhere
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, PICTURE_BYTES)
