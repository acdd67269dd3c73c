"""One decoding child, as its parent sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from dataclasses import dataclass

from shared.decoding.facts import Facts
from shared.decoding.protocol import FACTS_MAX_BYTES, REPLY, REQUEST, Form, Status

_START_TIMEOUT_S = 30.0  # it takes 0.2 s; a machine that starts everything at once is slower
_TEXT_MAX_BYTES = 200
_FILE_HEADER_MAX_BYTES = 64 * 1024  # what a small file may be larger than its pixels
_READ_BUFFER_BYTES = 4 * 1024 * 1024  # a picture of 1024 x 1024 without stopping the flow


@dataclass(frozen=True, slots=True)
class Reply:
    """`body`: a picture in the form asked for, or the text of a refusal. `facts`: of a photo."""

    status: Status
    width: int
    height: int
    body: bytes
    facts: Facts | None = None


class DecodingProcess:
    """A child that can be started, asked, killed, and started again.

    It must be started on a thread that outlives it: Linux sends the child its
    parent's death signal when the thread that made it ends.
    """

    def __init__(self, *, memory_bytes: int) -> None:
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def alive(self) -> bool:
        return (
            self._streams is not None and self._process is not None and self._process.poll() is None
        )

    async def start(self) -> None:
        """Start the child, in place of the last one, and wait until it is ready.

        Raises `RuntimeError` if it does not get ready.
        """
        await self.stop()
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = self._spawn(theirs)
            self._streams = await asyncio.open_unix_connection(sock=ours, limit=_READ_BUFFER_BYTES)
        except BaseException:
            ours.close()
            self.kill()
            raise
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                ready = await self._reply(Form.PIXELS, longest_side_px=0)
        except (ConnectionError, TimeoutError):
            await self.stop()
            raise RuntimeError("a decoding process did not start") from None
        except BaseException:
            self.kill()
            raise
        if ready.status is not Status.READY:
            await self.stop()
            raise RuntimeError("a decoding process did not start")

    async def ask(self, data: bytes, *, form: Form, longest_side_px: int, max_pixels: int) -> Reply:
        """Have `data` decoded, and made `form`.

        Raises `ConnectionError` if the child died or answers what it must not.
        After that, and after a cancellation, it has to be killed: its next
        words would be about this image.
        """
        if self._streams is None:
            raise ConnectionError("the decoding process is not running")
        writer = self._streams[1]
        writer.write(REQUEST.pack(form, longest_side_px, max_pixels, len(data)))
        writer.write(data)
        await writer.drain()
        return await self._reply(form, longest_side_px=longest_side_px)

    def kill(self) -> None:
        """End the child at once, whatever it is doing; `stop` is needed after it."""
        if self._process is not None:
            self._process.kill()
        if self._streams is not None:
            self._streams[1].transport.abort()

    async def stop(self) -> None:
        """Kill the child, and leave nothing of it: no zombie, no socket."""
        self.kill()
        if self._streams is not None:
            with contextlib.suppress(OSError):
                await self._streams[1].wait_closed()
            self._streams = None
        if self._process is not None:
            # Short, yet not instant: the kernel first takes back the memory.
            await asyncio.to_thread(self._process.wait)
            self._process = None

    def _spawn(self, channel: socket.socket) -> subprocess.Popen[bytes]:
        # Not asyncio's subprocesses: they want a child watcher, and not every
        # loop on a thread other than the main one has it.
        return subprocess.Popen(  # noqa: S603 - this interpreter, one of our modules
            [
                sys.executable,
                "-P",  # what the parent imports from is the path; the current folder is not
                "-m",
                "shared.decoding.child",
                str(self._memory_bytes),
            ],
            stdin=channel.fileno(),
            stdout=subprocess.DEVNULL,
            env=_environment(),
        )

    async def _reply(self, form: Form, *, longest_side_px: int) -> Reply:
        if self._streams is None:
            raise ConnectionError("the decoding process is not running")
        reader = self._streams[0]
        try:
            word, width, height, size = REPLY.unpack(await reader.readexactly(REPLY.size))
            status = Status(word)
            _check(status, form, (width, height), size, longest_side_px=longest_side_px)
            body = await reader.readexactly(size)
            if status is not Status.PICTURE or form not in (Form.PHOTO, Form.SHOWN):
                return Reply(status, width, height, body)
            picture = width * height * 3 if form is Form.PHOTO else body.rindex(b"\n")
            facts = Facts.model_validate_json(body[picture:])
            return Reply(status, width, height, body[:picture], facts)
        except (asyncio.IncompleteReadError, ValueError):
            raise ConnectionError("the decoding process died, or speaks nonsense") from None


def _check(
    status: Status, form: Form, sides: tuple[int, int], size: int, *, longest_side_px: int
) -> None:
    # A child reads what strangers send: even taken over, it must not fill our memory.
    if status is Status.PICTURE:
        width, height = sides
        rgb = width * height * 3
        least, most = {
            Form.PIXELS: (rgb, rgb),
            Form.PHOTO: (rgb, rgb + FACTS_MAX_BYTES),
            Form.SHOWN: (1, rgb + _FILE_HEADER_MAX_BYTES + FACTS_MAX_BYTES),
        }.get(form, (1, rgb + _FILE_HEADER_MAX_BYTES))
        fits = 0 < max(sides) <= longest_side_px and least <= size <= most
    else:
        fits = size <= _TEXT_MAX_BYTES
    if not fits:
        raise ValueError("a reply of a size that was not asked for")


def _environment() -> dict[str, str]:
    """Return what Python needs to find its modules, and no secrets of ours."""
    kept = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "PYTHONPATH": os.pathsep.join(entry or os.getcwd() for entry in sys.path),  # noqa: PTH109
        # For glibc. An arena a thread would take 64 MiB of the limited address
        # space, and big blocks kept for later (up to 140 MB, measured) would be
        # missing for the next image: what fits must not depend on what came before.
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": str(1024 * 1024),
        # Setting that one has glibc give back every 128 KiB at once: a quarter of what a decode
        # costs. Kept are 8 MiB at most, which the next image's smaller blocks are taken from.
        "MALLOC_TRIM_THRESHOLD_": str(8 * 1024 * 1024),
    }
