"""API keys in a file, which may change while a service runs.

One `name:secret` a line; blank lines and lines that begin with `#` are nothing. A name may
stand there more than once: so its secret is changed without a moment at which neither works.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from shared.callers import ApiKeys, NamedSecret, checked, read_key
from shared.tasks import end

LOOK_EVERY_S: Final = 5.0
MOST_CHARS: Final = 2**20

Removed = Callable[[], Awaitable[None]]
"""Called when a secret that worked does so no more."""

logger = structlog.stdlib.get_logger()


def read_keys(path: Path) -> tuple[NamedSecret, ...]:
    """Return the keys of the file, one at least.

    Raises `ValueError`, naming the line and nothing that it says.
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MOST_CHARS + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8") from None
    if len(text) > MOST_CHARS:
        raise ValueError(f"{path} is longer than {MOST_CHARS} characters")
    keys = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                keys.append(read_key(line))
            except ValueError as error:
                raise ValueError(f"{path}, line {number}, {error}") from None
    if not keys:
        raise ValueError(f"{path} names no key")
    try:
        return checked(keys)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


class KeyFile:
    """Keeps `keys` as the file says, read again when it has changed or on SIGHUP.

    A file that makes no sense changes nothing: the keys that were known go on to be. At first it
    is read once more, so that no change since it gave `keys` is missed; raises `ValueError`.
    """

    def __init__(self, path: Path, keys: ApiKeys, on_removed: Removed | None = None) -> None:
        self._path = path
        self._keys = keys
        self._on_removed = on_removed
        self._look = asyncio.Event()
        self._seen = self._stamp()
        keys.replace(read_keys(path))

    async def reload(self) -> None:
        """Read the file now."""
        self._seen = self._stamp()
        try:
            removed = self._keys.replace(await asyncio.to_thread(read_keys, self._path))
        except ValueError as error:
            logger.error("api_keys_not_reloaded", why=str(error))  # noqa: TRY400  # no stack
            return
        logger.info("api_keys_reloaded", removed=removed)
        if removed and self._on_removed:
            await self._on_removed()

    async def watched(self, _app: web.Application) -> AsyncIterator[None]:
        """Look at the file every `LOOK_EVERY_S`, and on SIGHUP, for as long as the service runs."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._look.set)
        task = asyncio.create_task(self._watch())
        yield
        loop.remove_signal_handler(signal.SIGHUP)
        await end(task)

    async def _watch(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._look.wait(), LOOK_EVERY_S)
            except TimeoutError:
                if self._stamp() == self._seen:
                    continue
            self._look.clear()
            try:
                await self.reload()
            except Exception:  # without this task keys could not be taken back
                logger.exception("key_file_broke")

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size
