"""The failpoints are where the table says, and a process dies at the passing it was told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.failing import Board, _shared, arm, found
from tests.chaos.points import AFTER, BEFORE, POINTS, Seam

PLACES = sorted({seam.place for points in POINTS.values() for seam in points.values()})


class Door:
    """What has a seam, for these tests."""

    passed: list[str]

    def enter(self) -> str:
        self.passed.append("enter")
        return "in"

    async def leave(self) -> str:
        self.passed.append("leave")
        return "out"


@pytest.mark.parametrize("place", PLACES)
def test_every_seam_is_a_function_of_the_product(place: str) -> None:
    owner, name = found(place)

    assert callable(getattr(owner, name))


@pytest.mark.parametrize("side", [BEFORE, AFTER])
async def test_a_process_dies_at_the_passing_it_was_told_to(
    side: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a door at both of whose functions one may die
    for name in ("enter", "leave"):
        monkeypatch.setattr(Door, name, getattr(Door, name))
    died: list[str] = []
    file = tmp_path / "board"
    arm(file)
    stopped: list[int] = []
    board = Board(_shared(file), died.append, lambda: stopped.append(len(door.passed)))
    board.watch("at_entering", Seam(side, f"{__name__}:Door.enter"))
    board.watch("at_leaving", Seam(side, f"{__name__}:Door.leave"))
    door = Door()
    door.passed = []

    # If it is armed only later, and for the second passing from there
    assert (door.enter(), await door.leave()) == ("in", "out")
    arm(file, "at_leaving", 2)
    door.enter()
    await door.leave()
    assert died == []
    await door.leave()

    # I expect it to have died there, and nowhere else
    assert died == ["at_leaving"]
    assert door.passed == ["enter", "leave"] * 2 + ["leave"]

    # Where it is to stand still, it does so once
    arm(file, "at_entering", stop=True)
    door.enter()
    door.enter()
    assert stopped == [5 if side == BEFORE else 6]
    assert died == ["at_leaving"]
