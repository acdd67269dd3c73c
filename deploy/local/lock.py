"""One owner at a time for a folder of state: a second `make run` in one clone is refused.

    python -m deploy.local.lock FOLDER

exits 1 with a clear line while the folder has an owner, or cannot be had.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class AlreadyRunningError(Exception):
    """Another process owns the folder."""


class NotOursError(Exception):
    """Nothing can be kept in the folder. The text is for the user."""


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Own `folder`, made if missing. However the owner ends, the kernel lets go of the lock.

    Raises AlreadyRunningError, with a line for the user, if another process owns it; NotOursError
    if it may not be written to, or is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a+")
    except OSError as error:
        raise _not_ours(folder, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip()
            raise AlreadyRunningError(
                f"Tagline already runs from this clone (process {owner}, state in {folder}/): "
                "stop that one first."
            ) from None
        try:
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), str(os.getpid()).encode())
        except OSError as error:
            raise _not_ours(folder, error) from None
        yield


def _not_ours(folder: Path, error: OSError) -> NotOursError:
    return NotOursError(f"Cannot keep anything in {folder}/: {error.strerror}.")


def main(folder: str) -> str | None:
    try:
        with hold(Path(folder)):
            return None
    except (AlreadyRunningError, NotOursError) as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
