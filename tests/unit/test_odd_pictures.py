"""Thousands of odd, broken and hostile pictures, through the header walk and real decoders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway.errors import Problem
from services.gateway.receiving import Received
from shared.decoding.decoder import Decoder
from shared.decoding.picture import Picture
from shared.errors import BadImageError
from tests.support.memory import peak_mb
from tests.support.pictures import Odd, pictures
from tests.support.pictures.judged import LIMITS, judged
from tests.support.pictures.odd import COMPLETE
from tests.support.waiting import wait_until

ALL = 10_000
PICTURES = int(os.environ.get("TAGLINE_TEST_PICTURES", "600"))
"""`make chaos` sets all."""

SIDE_PX = 512
CPU_S = 1.0
"""What a picture may cost its child; at full length only, on a machine with time to tell."""

PATIENCE_S = 60
"""More than a service has: the machine may be busy."""

MEMORY_BYTES = 512 * 2**20


@pytest.fixture
async def decoders() -> AsyncIterator[list[Decoder]]:
    """Two, of one child each: what a picture costs is told by its child."""
    decoders = [
        Decoder(
            processes=1,
            memory_bytes=MEMORY_BYTES,
            timeout_s=PATIENCE_S,
            max_pixels=LIMITS.max_pixels,
        )
        for _ in range(2)
    ]
    for decoder in decoders:
        await decoder.start()
    yield decoders
    for decoder in decoders:
        await decoder.close()


class Costs:
    """What the decodes have cost, and how they ended."""

    def __init__(self) -> None:
        self.cpu_s: list[tuple[float, str]] = []
        self.peak_mb = 0.0
        self.ends = {"complete": 0, "bad_image": 0, "refused": 0}
        self.why: dict[str, int] = {}


async def test_each_is_answered_rightly_and_none_harms_its_decoder(
    decoders: list[Decoder], tmp_path: Path
) -> None:
    costs = Costs()
    odd = iter(pictures(PICTURES, of=ALL))

    async def work(decoder: Decoder) -> None:
        for picture in odd:
            await check(picture, decoder, tmp_path, costs)

    await asyncio.gather(*(work(decoder) for decoder in decoders))
    slowest = sorted(costs.cpu_s, reverse=True)
    print(  # noqa: T201  # the numbers, for whoever runs it at full length
        f"{sum(costs.ends.values())} pictures: {costs.ends}; {costs.why}; slowest {slowest[:8]}; "
        f"a child's peak {costs.peak_mb:.0f} MB"
    )
    assert sum(costs.ends.values()) == PICTURES
    if PICTURES == ALL:
        assert [each for each in slowest if each[0] > CPU_S] == []


async def check(odd: Odd, decoder: Decoder, folder: Path, costs: Costs) -> None:
    answer = await judged(odd.content, folder)
    said = answer.code if isinstance(answer, Problem) else "taken"
    assert said in odd.answers, (odd.name, said)
    if isinstance(answer, Problem):
        costs.ends["refused"] += 1
        return
    await wait_until(lambda: decoder._children[0].alive, what="there is a child")
    child = decoder._children[0]._process
    assert child is not None
    before_s = cpu_s(child.pid)
    try:
        found: Picture | BadImageError = await decoder.decode(odd.content, longest_side_px=SIDE_PX)
    except BadImageError as error:
        found = error
    end = "complete" if isinstance(found, Picture) else "bad_image"
    assert end in odd.ends, (odd.name, found)
    costs.ends[end] += 1
    if isinstance(found, Picture):
        if odd.ends == {COMPLETE} or " cut at " in odd.name:
            check_sides(odd, answer, found)
    else:
        costs.why[str(found)] = costs.why.get(str(found), 0) + 1
        # None takes a child's time, or its life.
        assert not {"longer", "crashed"} & set(str(found).split()), (odd.name, found)
    if decoder._children[0]._process is child and child.poll() is None:
        costs.cpu_s.append((round(cpu_s(child.pid) - before_s, 2), odd.name))
        costs.peak_mb = max(costs.peak_mb, peak_mb(child.pid))


def check_sides(odd: Odd, answer: Received, picture: Picture) -> None:
    """What the header said is what the decoder found, made small.

    PNG and WebP may say at their end that they lie on their side.
    """
    scale = min(1.0, SIDE_PX / max(answer.width, answer.height))
    said = max(1, answer.width * scale), max(1, answer.height * scale)
    sides = [said, said[::-1]] if "profiles" in odd.name else [said]
    assert any(
        abs(picture.width - width) <= 1 and abs(picture.height - height) <= 1
        for width, height in sides
    ), (odd.name, said, picture.width, picture.height)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
