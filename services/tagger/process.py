"""One process of a tagger of several, as the one that watches it sees it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
import orjson

from shared.errors import UnavailableError
from shared.health import CHECK_TIMEOUT_S

ANSWER_TIMEOUT_S: Final = CHECK_TIMEOUT_S + 0.5
"""What it may take to say how it is: its own checks may take their time."""

ASK_EVERY_S: Final = 5.0
MOST_UNANSWERED: Final = 4
"""After so many questions in a row without an answer, that is 30 s, it hangs."""

_LOOK_EVERY_S: Final = 0.1


class Process:
    """A whole tagger that can be started, asked, stopped, and started again."""

    def __init__(self, number: int, folder: Path) -> None:
        """`folder`: where its socket is."""
        self.number = number
        self._socket = folder / str(number)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def code(self) -> int | None:
        """The exit code, negative of a signal; None while it runs."""
        return self._process.returncode if self._process else None

    async def start(self) -> None:
        """Start it, in place of the last one. Raises `RuntimeError` if none is to be had."""
        self._bury()
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # what the parent imports from is the path; the current folder is not
                "-m",
                "services.tagger.child",
                str(self._socket),
                stdin=asyncio.subprocess.PIPE,  # ends with us
                process_group=0,  # with its children; a terminal's Ctrl-C is for us alone
                env=_environment(),
            )
        except OSError as error:
            raise RuntimeError(f"cannot start a process: {error.strerror}") from error

    async def ended(self) -> None:
        """Return when it does not run any more."""
        if self._process is not None:
            await self._process.wait()

    async def begun(self) -> None:
        """Return when it takes photos, or would if what it needs were there."""
        while True:
            with suppress(UnavailableError):
                _, answer = await self._ask("/readyz")
                if orjson.loads(answer)["status"] != "starting":
                    return
            await asyncio.sleep(_LOOK_EVERY_S)

    async def hangs(self) -> None:
        """Return when it has answered before, and does not any more."""
        unanswered, answered = 0, False
        while unanswered < MOST_UNANSWERED:
            await asyncio.sleep(ASK_EVERY_S)
            try:
                await self._ask("/healthz")
                unanswered, answered = 0, True
            except UnavailableError:
                unanswered += answered

    def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def stop(self, *, within_s: float) -> None:
        """Have it finish or hand back what it holds; kill it if that takes longer."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(within_s):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    async def check(self) -> str:
        """Return what it says of its checks; raises `UnavailableError` if it is not ready."""
        status, body = await self._ask("/readyz")
        answer = orjson.loads(body)
        checks = (f"{name}: {word}" for name, word in answer["checks"].items())
        words = ", ".join(checks) or answer["status"]
        if status != HTTPStatus.OK:
            raise UnavailableError("process", words)
        return words

    async def metrics(self) -> str:
        """Return what it has counted, as Prometheus reads it; nothing if it does not answer."""
        try:
            _, text = await self._ask("/metrics")
        except UnavailableError:
            return ""
        return text.decode()

    def _bury(self) -> None:
        """Collect the last one's children: as the first process of a container, we have to."""
        with suppress(ChildProcessError):
            while self._process is not None and os.waitpid(-self._process.pid, os.WNOHANG)[0]:
                pass

    async def _ask(self, path: str) -> tuple[int, bytes]:
        connector = aiohttp.UnixConnector(str(self._socket))
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.get(f"http://tagger{path}") as answer,
            ):
                return answer.status, await answer.read()
        except (aiohttp.ClientError, OSError):  # a `TimeoutError` is one
            raise UnavailableError("process", "no answer") from None


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),  # noqa: PTH109
        "TAGLINE_PROCESSES": "1",
        "TAGLINE_NICE": "0",  # as nice as we are is enough
    }
