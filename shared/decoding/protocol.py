"""What the decoder and its children say to each other over a stream of bytes.

The child says `READY` once. Then, for every request (a `REQUEST` header, then
the image's bytes), it answers once: a `REPLY` header, then as many bytes as
the header says: the RGB rows of a `PICTURE`, or the text of a
`BAD_IMAGE` (why the bytes are no picture); nothing for the others.
"""

from __future__ import annotations

import enum
import struct

REQUEST = struct.Struct("!IQQ")
"""The longest side wanted (px), the most pixels allowed, the size of the image (bytes)."""

REPLY = struct.Struct("!BIII")
"""A `Status`, the width and height of the picture (px; 0 without one), the size of what follows."""


class Status(enum.IntEnum):
    READY = 1
    PICTURE = 2
    BAD_IMAGE = 3
    OUT_OF_MEMORY = 4
    """The child ends after saying so: libraries that ran out of memory are not trusted again."""
