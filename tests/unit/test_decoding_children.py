"""The decoder's children: what hostile bytes, signals and those who give up can do to them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from pathlib import Path

import pytest
from PIL import Image

from shared.decoding.decoder import Decoder
from shared.decoding.picture import Picture
from shared.errors import BadImageError, UnavailableError
from tests.support.decoding import children, working
from tests.support.pictures.halves import RED, halves
from tests.support.pictures.heavy import png_of_zeros
from tests.support.pictures.made import encoded
from tests.support.waiting import wait_until

MIB = 1024 * 1024


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def long_decode() -> tuple[Decoder, int, asyncio.Task[Picture]]:
    """Return a decoder whose only child is at work, that child, and what waits for it."""
    before = children()
    decoder = Decoder(processes=1, memory_bytes=1024 * MIB, max_pixels=100_000_000)
    await decoder.start()
    (child,) = children() - before
    decoding = asyncio.create_task(decoder.decode(png_of_zeros(9000, 9000), longest_side_px=512))
    await wait_until(lambda: working(child), what="the child decodes")
    return decoder, child, decoding


async def test_a_picture_that_needs_too_much_memory_is_an_error_and_the_next_one_is_decoded() -> (
    None
):
    decoder = Decoder(processes=1, memory_bytes=64 * MIB, max_pixels=100_000_000)
    await decoder.start()

    with pytest.raises(BadImageError) as raised:
        await decoder.decode(png_of_zeros(6000, 4000), longest_side_px=512)
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert str(raised.value) == "the image needed more memory than 64 MiB to decode"
    assert picture.width == 64


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "AVIF"])
async def test_every_format_that_runs_out_of_memory_is_an_error_and_no_more(kind: str) -> None:
    decoder = Decoder(processes=1, memory_bytes=12 * MIB, max_pixels=100_000_000)
    await decoder.start()
    options = {"progressive": True} if kind == "JPEG" else {}

    with pytest.raises(BadImageError):
        await decoder.decode(
            encoded(Image.new("RGB", (4000, 3500), RED), kind, **options), longest_side_px=2048
        )
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert picture.width == 64


async def test_a_decode_over_its_time_is_an_error_and_the_next_one_is_decoded() -> None:
    decoder = Decoder(processes=1, timeout_s=0.2, max_pixels=100_000_000)
    await decoder.start()
    slow = png_of_zeros(9000, 9000)

    with pytest.raises(BadImageError) as raised:
        await decoder.decode(slow, longest_side_px=512)
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert str(raised.value) == "the image took longer than 0.2 s to decode"
    assert picture.width == 64


async def test_a_child_killed_while_it_decodes_is_replaced() -> None:
    decoder, child, decoding = await long_decode()
    os.kill(child, signal.SIGKILL)
    with pytest.raises(BadImageError) as raised:
        await decoding
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert (
        str(raised.value)
        == "the image needed more memory than 1024 MiB to decode, or crashed the decoder"
    )
    assert picture.width == 64


async def test_a_child_that_died_while_idle_costs_no_picture() -> None:
    before = children()
    decoder = Decoder(processes=1, max_pixels=1_000_000)
    await decoder.start()
    (child,) = children() - before

    os.kill(child, signal.SIGKILL)
    await wait_until(lambda: Path(f"/proc/{child}/stat").read_text().split()[2] == "Z")
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert picture.width == 64


async def test_a_cancelled_decode_does_not_answer_the_next_one() -> None:
    decoder, _, decoding = await long_decode()
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding
    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert (picture.width, picture.height) == (64, 32)


async def test_a_cancelled_wait_for_a_child_loses_no_child() -> None:
    decoder = Decoder(processes=1, memory_bytes=1024 * MIB, max_pixels=100_000_000)
    await decoder.start()

    decoding = asyncio.create_task(decoder.decode(png_of_zeros(4000, 4000), longest_side_px=512))
    waiting = asyncio.create_task(decoder.decode(b"", longest_side_px=512))
    await asyncio.sleep(0)
    waiting.cancel()
    first = await decoding
    second = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert (first.width, second.width) == (512, 64)


async def test_waiting_for_a_free_child_does_not_count_as_decoding() -> None:
    decoder = Decoder(processes=1, timeout_s=2, max_pixels=1_000_000)
    await decoder.start()
    # Given that somebody has the only child for longer than a decode may take
    child = await decoder._free.get()
    waiting = asyncio.create_task(decoder.decode(encoded(halves(), "PNG"), longest_side_px=512))
    await asyncio.sleep(2.5)
    assert not waiting.done()
    decoder._free.put_nowait(child)

    picture = await waiting
    await decoder.close()

    assert picture.width == 64


async def test_ctrl_c_to_the_whole_group_does_not_break_a_decode() -> None:
    before = children()  # the server of other tests among them
    decoder = Decoder(processes=2, max_pixels=1_000_000)
    await decoder.start()
    for child in children() - before:
        os.kill(child, signal.SIGINT)
        os.kill(child, signal.SIGTERM)

    picture = await decoder.decode(encoded(halves(), "PNG"), longest_side_px=512)
    await decoder.close()

    assert picture.width == 64


async def test_the_children_are_limited_and_know_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = children()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    decoder = Decoder(processes=1, memory_bytes=64 * MIB, max_pixels=1_000_000)
    await decoder.start()
    (child,) = children() - before
    environment = Path(f"/proc/{child}/environ").read_bytes()
    limits = {
        line[:26].strip(): line[26:].split()[0]
        for line in Path(f"/proc/{child}/limits").read_text().splitlines()
    }
    await decoder.close()

    assert b"sk-secret" not in environment
    assert limits["Max core file size"] == "0"
    assert limits["Max file size"] == "0"
    assert 64 * MIB < int(limits["Max address space"]) < 192 * MIB


async def test_closing_leaves_no_process_and_no_open_file() -> None:
    gc.collect()
    processes, files = children(), open_files()
    decoder = Decoder(processes=3, max_pixels=100_000_000)
    await decoder.start()
    with pytest.raises(BadImageError):
        await decoder.decode(b"only words", longest_side_px=512)
    decoding = asyncio.create_task(decoder.decode(png_of_zeros(8000, 8000), longest_side_px=512))
    await asyncio.sleep(0)
    decoding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await decoding

    await decoder.close()

    assert children() == processes
    assert open_files() == files


async def test_closing_fails_the_decodes_under_way_as_unavailable() -> None:
    before = children()
    decoder = Decoder(processes=1, memory_bytes=1024 * MIB, max_pixels=100_000_000)
    await decoder.start()
    (child,) = children() - before
    data = png_of_zeros(9000, 9000)
    decoding = asyncio.create_task(decoder.decode(data, longest_side_px=512))
    waiting = asyncio.create_task(decoder.decode(data, longest_side_px=512))
    await wait_until(lambda: working(child), what="the child decodes")

    await decoder.close()
    outcomes = await asyncio.gather(decoding, waiting, return_exceptions=True)
    with pytest.raises(UnavailableError):
        await decoder.decode(data, longest_side_px=512)

    assert [(type(outcome), str(outcome)) for outcome in outcomes] == [
        (UnavailableError, "decoder does not answer"),
        (UnavailableError, "decoder does not answer"),
    ]


async def test_a_child_that_cannot_start_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    monkeypatch.setattr("sys.executable", "/bin/false")
    decoder = Decoder(max_pixels=1_000_000)

    with pytest.raises(RuntimeError, match="a decoding process did not start"):
        await decoder.start()

    assert children() == before
