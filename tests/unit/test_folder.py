"""Blobs written to a folder by whoever has them, or by threads where the disk is slow."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from shared.blobs import folder


@pytest.fixture
def slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any disk is slow after one write, for as long as a test is."""
    monkeypatch.setattr(folder, "QUICK_S", 0)
    monkeypatch.setattr(folder, "REST", 1e9)


class Held(folder.NewFile):
    """A file whose writing takes until it is let go on."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.written = False

    def write(self, content: bytes) -> None:
        self.begun.set()
        self.goes_on.wait()
        super().write(content)
        self.written = True


@pytest.mark.parametrize("move", ["begin", "finish", "discard"])
async def test_a_disk_may_be_slow_in_more_than_writing(
    move: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "QUICK_S", 0 if move == "begin" else 3600)
    monkeypatch.setattr(folder, "REST", 1e9)
    disk = folder.Folder(tmp_path)
    file = disk.begin("one.jpg")
    monkeypatch.setattr(folder, "QUICK_S", 0)
    if move == "finish":
        await disk.finish(file)
    elif move == "discard":
        await disk.discard(file)
    noticed = not disk.is_quick()
    await disk.discard(file)

    assert noticed
    assert [path.name for path in tmp_path.iterdir()] == (["one.jpg"] if move == "finish" else [])


async def test_a_file_that_cannot_even_be_closed_is_removed_and_says_nothing_more(
    tmp_path: Path,
) -> None:
    disk = folder.Folder(tmp_path)
    file = disk.begin("one.jpg")
    await disk.append(file, b"abc")
    os.close(file._file)  # so that the kernel refuses to close it again
    await disk.discard(file)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("slow_disk")
async def test_a_file_stays_open_while_a_thread_writes_to_it_however_often_that_is_cancelled(
    tmp_path: Path,
) -> None:
    disk = folder.Folder(tmp_path)
    await disk.discard(disk.begin("one.jpg"))
    file = Held(tmp_path / "two.jpg")
    writing = asyncio.create_task(disk.append(file, b"abc"))
    await asyncio.to_thread(file.begun.wait)
    for _ in range(3):
        writing.cancel()
        await asyncio.sleep(0)
    still = not writing.done()
    file.goes_on.set()
    await asyncio.wait([writing])
    await disk.discard(file)

    assert still
    assert writing.cancelled()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("slow_disk")
def test_a_file_stays_open_while_a_thread_writes_to_it_as_the_loop_ends(tmp_path: Path) -> None:
    disk = folder.Folder(tmp_path)
    file = Held(tmp_path / "two.jpg")

    async def write() -> None:
        try:
            await disk.append(file, b"abc")
        finally:
            await disk.discard(file)

    async def let_go_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10):  # who does not wait for the thread has closed the file by then
                await asyncio.sleep(0)
            file.goes_on.set()

    async def end_meanwhile() -> None:
        await disk.discard(disk.begin("one.jpg"))
        under_way = [asyncio.create_task(each) for each in (write(), let_go_on())]
        await asyncio.to_thread(file.begun.wait)
        assert not any(task.done() for task in under_way)

    asyncio.run(end_meanwhile())

    assert file.written
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("slow_disk")
async def test_a_slow_disk_is_rested_from_and_then_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rested = folder.Folder(tmp_path)
    before = rested.is_quick()
    rested.write("a/one.jpg", b"abc")
    after = rested.is_quick()
    monkeypatch.setattr(folder, "REST", 0)
    tried = folder.Folder(tmp_path)
    tried.write("a/one.jpg", b"abc")

    assert (before, after) == (True, False)
    assert tried.is_quick()
