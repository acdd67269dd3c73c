"""One process of a tagger of several: `python -m services.tagger.child SOCKET`.

It is a whole tagger by itself, and says how it is on the Unix socket that it makes there. Its
standard input ends with its parent, and so does it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Thread

from services.tagger.__main__ import main
from shared.parent import die_with_parent


def _end_with_parent() -> None:
    # Where the kernel does not see to it, or the parent was gone before it was asked to.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    die_with_parent()
    Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(main(Path(sys.argv[1])))
