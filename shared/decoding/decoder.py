"""A pool of decoding children: hostile bytes in, pixels out, whatever happens to a child."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Final

from shared.decoding.facts import Facts
from shared.decoding.picture import Picture
from shared.decoding.process import DecodingProcess, Reply
from shared.decoding.protocol import Form, Status
from shared.errors import BadImageError, UnavailableError

_MIB = 1024 * 1024

Waiting = Callable[[], AbstractContextManager[None]]
"""Makes a context to wait in: one that stops a clock, say."""

FILES: Final = 4
"""How many files there are for each child: the one that it decodes, and those that a bucket gives
meanwhile."""


class Decoder:
    """Decodes images in `processes` children, one image at a time in each.

    A child has `memory_bytes` for an image, beyond what it needs itself, and
    `timeout_s` from the moment it is given it; then it is killed and replaced.
    An image of more than `max_pixels` is not decoded at all. Measured, beside
    the file itself: WebP takes up to 19 bytes a pixel, AVIF 14, PNG 11, HEIC 8,
    GIF 7, JPEG 4; so 512 MiB are 28 megapixels of WebP, and 48 of PNG.
    `places`: whether the facts of a photo tell where it was taken.

    Use it on one event loop, on a thread that lives as long as the decoder.
    """

    def __init__(
        self,
        *,
        processes: int = 2,
        memory_bytes: int = 512 * _MIB,
        timeout_s: float = 10.0,
        max_pixels: int,
        places: bool = False,
    ) -> None:
        self._memory_bytes = memory_bytes
        self._timeout_s = timeout_s
        self._max_pixels = max_pixels
        self._places = places
        self._closed = False
        self._children = [DecodingProcess(memory_bytes=memory_bytes) for _ in range(processes)]
        self._free: asyncio.Queue[DecodingProcess] = asyncio.Queue()
        for child in self._children:
            self._free.put_nowait(child)
        self._turns = asyncio.Semaphore(FILES * processes)
        self._renewals: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Start all children, and wait until they are ready. Raises `RuntimeError`.

        Without it, a child starts when it is first needed.
        """
        try:
            await asyncio.gather(*(child.start() for child in self._children))
        except BaseException:
            await self.close()
            raise

    @asynccontextmanager
    async def turn(self, waiting: Waiting) -> AsyncIterator[None]:
        """Wait, in a context of `waiting`, for the turn to read a file and have it decoded.

        Where many want pictures, and each reads its file only here, memory holds no more of them
        than `FILES` for each child.
        """
        with waiting():
            await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    async def decode(self, data: bytes, *, longest_side_px: int) -> Picture:
        """Return the image in `data`, upright, its longest side at most `longest_side_px`.

        Waiting for a free child is not counted as time to decode. Raises
        `BadImageError` for bytes that cannot be decoded within the limits, and
        `UnavailableError("decoder")` where the fault is ours: the decoder is
        closed, or its children do not start.
        """
        reply = await self._ask(data, form=Form.PIXELS, longest_side_px=longest_side_px)
        return Picture(width=reply.width, height=reply.height, rgb=reply.body)

    async def read(
        self,
        data: bytes,
        *,
        longest_side_px: int,
        as_jpeg: bool = False,
        waiting: Waiting = nullcontext,
    ) -> tuple[Picture, Facts]:
        """Return the same, and what else the bytes say of the photo, found in the same decode.

        `as_jpeg`: the picture has its `jpeg`, and no `rgb`. A free child is waited for in a
        context of `waiting`. Raises what `decode` raises.
        """
        form = Form.SHOWN if as_jpeg else Form.PHOTO
        reply = await self._ask(data, form=form, longest_side_px=longest_side_px, waiting=waiting)
        if reply.facts is None:
            raise RuntimeError("a photo came without its facts")
        facts = reply.facts if self._places else reply.facts.model_copy(update={"place": None})
        rgb, jpeg = (b"", reply.body) if as_jpeg else (reply.body, b"")
        return Picture(reply.width, reply.height, rgb, jpeg), facts

    async def thumbnail(self, data: bytes, *, form: Form, longest_side_px: int) -> bytes:
        """Return the same as a file of the format `form`, with nothing of the original's metadata.

        Raises what `decode` raises.
        """
        return (await self._ask(data, form=form, longest_side_px=longest_side_px)).body

    async def _ask(
        self, data: bytes, *, form: Form, longest_side_px: int, waiting: Waiting = nullcontext
    ) -> Reply:
        with waiting():
            child = await self._free.get()
        usable = False
        try:
            await self._ensure_running(child)
            async with asyncio.timeout(self._timeout_s):
                reply = await child.ask(
                    data,
                    form=form,
                    longest_side_px=longest_side_px,
                    max_pixels=self._max_pixels,
                )
            usable = reply.status in (Status.PICTURE, Status.BAD_IMAGE)
        except TimeoutError:
            # So it does on a machine that stood still, or has too much to do.
            raise BadImageError(
                f"the image took longer than {self._timeout_s:g} s to decode", may_pass=True
            ) from None
        except ConnectionError:
            if self._closed:
                raise UnavailableError("decoder") from None
            raise BadImageError(
                f"the image needed more memory than {self._memory_bytes // _MIB} MiB"
                " to decode, or crashed the decoder",
                may_pass=True,  # where a machine is short of memory, it is killed for others
            ) from None
        finally:
            # A cancellation too ends here: what the child would say next is about this image.
            if usable:
                self._free.put_nowait(child)
            else:
                self._renew(child)
        return self._checked(reply)

    async def close(self) -> None:
        """End all children and leave nothing of them; decodes under way fail as unavailable."""
        if self._closed:
            return
        self._closed = True
        for child in self._children:
            child.kill()
        # Each child once its decode or its renewal has let go of it.
        for _ in self._children:
            await self._free.get()
        await asyncio.gather(*(child.stop() for child in self._children))
        # For whoever still waits for one, or comes later: to be refused, and not wait for ever.
        for child in self._children:
            self._free.put_nowait(child)

    async def _ensure_running(self, child: DecodingProcess) -> None:
        if self._closed:
            raise UnavailableError("decoder")
        if not child.alive:  # it died while idle, or could not be renewed
            try:
                await child.start()
            except (RuntimeError, OSError) as error:
                raise UnavailableError("decoder") from error

    def _renew(self, child: DecodingProcess) -> None:
        child.kill()
        renewal = asyncio.get_running_loop().create_task(self._restart(child))
        self._renewals.add(renewal)
        renewal.add_done_callback(self._renewals.discard)

    async def _restart(self, child: DecodingProcess) -> None:
        try:
            # Not started now, it is when it is next needed.
            with contextlib.suppress(RuntimeError, OSError):
                await (child.stop() if self._closed else child.start())
        finally:
            self._free.put_nowait(child)

    def _checked(self, reply: Reply) -> Reply:
        match reply.status:
            case Status.PICTURE:
                return reply
            case Status.OUT_OF_MEMORY:
                raise BadImageError(
                    f"the image needed more memory than {self._memory_bytes // _MIB} MiB to decode",
                )
            case _:
                raise BadImageError(reply.body.decode("ascii", "replace"))
