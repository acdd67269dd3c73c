"""One owner at a time for a folder of state: a second `make run` in one clone is refused.

    python -m deploy.local.lock FOLDER

exits 1 with a clear line while the folder has an owner.
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


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Own `folder`, made if missing. However the owner ends, the kernel lets go of the lock.

    Raises AlreadyRunningError, with a line for the user, if another process owns it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip()
            raise AlreadyRunningError(
                f"Tagline already runs from this clone (process {owner}, state in {folder}/): "
                "stop that one first."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def main(folder: str) -> str | None:
    try:
        with hold(Path(folder)):
            return None
    except AlreadyRunningError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
