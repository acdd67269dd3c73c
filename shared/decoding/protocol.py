"""What the decoder and its children say to each other over a stream of bytes.

The child says `READY` once. Then, for every request (a `REQUEST` header, then
the image's bytes), it answers once: a `REPLY` header, then as many bytes as
the header says: a `PICTURE` in the form that was asked for, or the text of a
`BAD_IMAGE` (why the bytes are no picture); nothing for the others.
"""

from __future__ import annotations

import enum
import struct

REQUEST = struct.Struct("!BIQQ")
"""The `Form` and the longest side wanted (px), the most pixels allowed, the size of the image
(bytes)."""

REPLY = struct.Struct("!BIII")
"""A `Status`, the width and height of the picture (px; 0 without one), the size of what follows."""


class Form(enum.IntEnum):
    """What a picture comes back as."""

    PIXELS = 0
    """Rows from the top, 8 bits a channel, sRGB."""
    JPEG = 1
    WEBP = 2
    PHOTO = 3
    """The pixels, and after them the facts of the photo: a JSON object, see `facts.py`."""
    SHOWN = 4
    """A JPEG to show to a model, and after it, on a line of its own, the same facts."""


class Status(enum.IntEnum):
    READY = 1
    PICTURE = 2
    BAD_IMAGE = 3
    OUT_OF_MEMORY = 4
    """The child ends after saying so: libraries that ran out of memory are not trusted again."""


SHOWN_QUALITY = 80
"""Of a JPEG that a model looks at."""

FACTS_MAX_BYTES = 2048
CAMERA_CHARS = 64
MOST_COLORS = 5
