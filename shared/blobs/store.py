"""The blob store, over obstore: a folder, or a bucket of an S3-compatible service.

The contract, for both: a blob appears whole or not at all, under its name, at the moment
`put` returns; it never changes; names are relative paths of ours, never a user's text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import obstore
from obstore.store import LocalStore, ObjectStore

from shared.blobs.faults import translated
from shared.blobs.folder import Folder
from shared.blobs.room import Room
from shared.errors import BlobMissingError, UnavailableError
from shared.tasks import seen_through

READ_CHUNK_BYTES: Final = 256 * 1024

PIECE_BYTES: Final = 128 * 1024
"""What of a streamed blob is in memory before it goes to a folder that is slow."""

PART_BYTES: Final = 5 * 2**20
"""The same before it goes to a bucket, whose parts are not smaller."""

PARTS_AT_A_TIME: Final = 2
"""Pieces or parts that an upload has on their way: they are what it holds in memory."""

_PROBE: Final = "probe"


@dataclass(frozen=True, slots=True)
class Blob:
    """What a listing says of a blob."""

    name: str
    size_bytes: int
    modified: datetime


class BlobStore:
    """Blobs by name. Raises `UnavailableError("blobs")` when the store does not answer.

    `room`: where there is a limit to what it may take.
    """

    def __init__(self, store: ObjectStore, room: Room | None = None) -> None:
        self._store = store
        self._room = room
        local = isinstance(store, LocalStore) and store.prefix
        self._folder = Folder(local) if local else None

    async def check_room(self) -> None:
        """Raise `NoRoomError` if no more may be put here now."""
        if self._room is not None:
            await self._room.check()

    async def free_bytes(self) -> int | None:
        """Return how much may still be put here; None where nobody knows, of a bucket, say."""
        return None if self._room is None else await self._room.free_bytes()

    def _took(self, size_bytes: int) -> None:
        if self._room is not None:
            self._room.took(size_bytes)

    async def put(self, name: str, content: bytes | AsyncIterator[bytes]) -> None:
        """Store `content` as `name`.

        If the iterator raises, nothing is stored, and what was raised comes out as it is. Nor is
        it if the task is cancelled, unless it was just being put in its place. Raises
        `NoRoomError`, with nothing stored, where it is full.
        """
        await self.check_room()
        if isinstance(content, bytes):
            with translated(name, writes=True):
                await self._put_whole(name, content)
            return
        if self._folder is not None and self._folder.is_quick():
            await self._put_in_pieces(self._folder, name, content)
            return
        await self._check_there()
        source = _Source(content, self._took)
        try:
            with translated(name, writes=True):
                await self._put_in_parts(name, source)
        except UnavailableError:
            if source.error is not None:
                raise source.error from None
            raise

    async def _put_whole(self, name: str, content: bytes) -> None:
        if self._folder is not None and self._folder.is_quick():
            self._folder.write(name, content)
        else:
            await self._check_there()
            await obstore.put_async(self._store, name, content)
        self._took(len(content))

    async def _put_in_pieces(
        self, folder: Folder, name: str, content: AsyncIterator[bytes]
    ) -> None:
        with translated(name, writes=True):
            file = folder.begin(name)
        try:
            async for piece in content:
                with translated(name, writes=True):
                    await folder.append(file, piece)
                self._took(len(piece))
                del piece  # the next may be long in coming
            with translated(name, writes=True):
                await folder.finish(file)
        finally:
            await folder.discard(file)

    async def _put_in_parts(self, name: str, source: _Source) -> None:
        # Cancelled itself, obstore would leave its parts in the bucket: it removes them only when
        # its source breaks.
        writing = asyncio.ensure_future(
            obstore.put_async(
                self._store,
                name,
                source,
                chunk_size=PIECE_BYTES if isinstance(self._store, LocalStore) else PART_BYTES,
                max_concurrency=PARTS_AT_A_TIME,
            )
        )
        await seen_through(writing, stop=source.stop)

    async def get(self, name: str) -> bytes:
        """Return the whole blob. Raises `BlobMissingError`."""
        async with self._told(name):
            result = await obstore.get_async(self._store, name)
            return bytes(await result.bytes_async())

    async def read(self, name: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `stop`, in pieces. Raises `BlobMissingError`."""
        if start >= stop:
            return
        async with self._told(name):
            result = await obstore.get_async(self._store, name, options={"range": (start, stop)})
            async for chunk in result.stream(min_chunk_size=READ_CHUNK_BYTES):
                yield bytes(chunk)

    async def delete(self, names: Sequence[str]) -> None:
        """Remove blobs; those that are not there do not matter."""
        for name in names:
            try:
                with translated(name):
                    await obstore.delete_async(self._store, name)
            except BlobMissingError:
                continue

    async def remove_unfinished(self, folder: str, *, before: datetime) -> int:
        """Remove what writes that were cut off before that time have left; returns how many.

        No listing shows them. A bucket has a rule of its own for that.
        """
        if self._folder is None:
            return 0
        with translated(folder):
            return await asyncio.to_thread(self._folder.remove_unfinished, folder, before)

    async def list(self, prefix: str) -> AsyncIterator[Blob]:
        """Yield every blob whose name starts with the folder `prefix`, in no order."""
        with translated(prefix):
            async for page in obstore.list(self._store, prefix):
                for meta in page:
                    yield Blob(meta["path"], meta["size"], meta["last_modified"])

    async def check_takes(self) -> str:
        """`check`, for who puts blobs here: whether a folder may be written to as well."""
        if self._folder is not None and not await asyncio.to_thread(self._folder.is_writable):
            raise UnavailableError("blobs", "the folder of the photos cannot be written to")
        return await self.check()

    async def check(self) -> str:
        """Ask for a blob that is not there; `ok` if the store says so, and has room.

        By GET: the answer to a HEAD would not tell a bucket that is missing.
        """
        await self.check_room()
        with suppress(BlobMissingError):
            async with self._told(_PROBE):
                await obstore.get_async(self._store, _PROBE)
        return "ok"

    @asynccontextmanager
    async def _told(self, name: str) -> AsyncIterator[None]:
        """`translated`, for who reads: where the whole folder is gone, no blob is missing."""
        try:
            with translated(name):
                yield
        except BlobMissingError:
            await self._check_there()
            raise

    async def _check_there(self) -> None:
        """Raise `UnavailableError` where there is no folder, which obstore would make."""
        if self._folder is not None and not await asyncio.to_thread(self._folder.is_there):
            raise UnavailableError("blobs", "the folder of the photos is not there")


class _Source:
    """An iterator of chunks that remembers what it raised.

    A client that hangs up raises `OSError` too: it must not look like a broken store.
    """

    def __init__(self, chunks: AsyncIterator[bytes], took: Callable[[int], None]) -> None:
        self._chunks = chunks
        self._took = took
        self.error: BaseException | None = None
        self._reader: asyncio.Task[Any] | None = None
        self._stopped = False

    def stop(self) -> None:
        """Break it off, also while it waits for a chunk."""
        self._stopped = True
        if self._reader is not None:
            self._reader.cancel()

    def __aiter__(self) -> _Source:
        return self

    async def __anext__(self) -> bytes:
        if self._stopped:
            raise asyncio.CancelledError
        self._reader = asyncio.current_task()
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            raise
        except BaseException as error:
            self.error = error
            raise
        else:
            self._took(len(chunk))
            return chunk
        finally:
            self._reader = None
