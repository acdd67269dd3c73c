"""What a store's faults are to those who use it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import BaseError

from shared.errors import BlobMissingError, NoRoomError, UnavailableError

_NO_BUCKET: Final = "NoSuchBucket"
"""The code in an answer of 404 that says nothing of the blob."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What is said of a disk, a quota or a file that may not grow."""
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
"""How obstore says it, in words alone."""


@contextmanager
def translated(name: str, *, writes: bool = False) -> Iterator[None]:
    """Raise what the store says of the blob `name` as an error of ours.

    `writes`: it is to be made, so what is missing is the place for it.
    """
    try:
        yield
    except FileNotFoundError as error:
        if writes or _NO_BUCKET in str(error):
            raise UnavailableError("blobs") from error
        raise BlobMissingError(name) from None
    except (BaseError, OSError) as error:
        if _number(error) in _FULL:
            raise NoRoomError("a blob could not be written: there is no more room") from error
        # The text of the cause names hosts and paths; it is for the log, not for clients.
        raise UnavailableError("blobs") from error


def _number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    said = _OS_ERROR.search(str(error))
    return int(said[1]) if said else None
