"""A Redis-compatible server for tests: real, empty, gone afterwards.

`TAGLINE_TEST_SERVER` names another server program than the one that a clone brings along.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.server import CONFIG, EmbeddedServer, find_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import ServerBinary


@cache
def server_binary() -> ServerBinary:
    """Return the server program that the tests run on. Raises ServerError if there is none."""
    return find_server(os.environ.get("TAGLINE_TEST_SERVER"))


@contextmanager
def temporary_server(
    *, tcp: bool = False, settings: tuple[str, ...] | None = None
) -> Iterator[EmbeddedServer]:
    """A started server with a folder of its own; on a Unix socket unless `tcp`.

    It may be killed and started again inside: it keeps its data and its `url`. With
    `settings`, lines of a configuration file, it has a file of its own, which it may rewrite.
    """
    # Not pytest's folder for a test, whose name may be too long for a socket.
    with tempfile.TemporaryDirectory(prefix="tagline-") as folder:
        config = CONFIG
        if settings is not None:
            config = Path(folder, "redis.conf")
            config.write_text("\n".join([CONFIG.read_text(), *settings, ""]))
        server = EmbeddedServer(Path(folder), tcp=tcp, binary=server_binary(), config=config)
        server.start()
        try:
            yield server
        finally:
            server.stop()
