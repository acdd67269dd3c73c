"""The place in line: told to those who wait, as often as it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.tagger.positions import EVENTS, Positions
from shared import keys
from shared.redis import closing, connect
from shared.tasks import end
from tests.support.api import new_socket_id
from tests.support.tagging import Bench, submit
from tests.support.waiting import wait_until


@pytest.fixture
async def line(redis_url: str) -> AsyncIterator[Positions]:
    async with closing(connect(redis_url)) as client:
        yield Positions(client, retention_s=600)


def places(bench: Bench, socket_id: str) -> list[tuple[int, int]]:
    return [
        (data["photoId"], data["position"])
        for name, data in bench.heard(socket_id)
        if data.get("stage") == "queued"
    ]


async def test_a_waiting_photo_is_told_its_place(bench: Bench, line: Positions) -> None:
    socket_id = new_socket_id()
    await submit(bench.photos, priority="low", socket_id=socket_id)
    await submit(bench.photos, count=2, socket_id=socket_id)
    await submit(bench.photos, priority="high", socket_id=socket_id)
    await line.tell(waited_ms=0, every_s=0)
    await line.tell(waited_ms=0, every_s=0)  # nothing has changed

    assert places(bench, socket_id) == [(4, 1), (2, 2), (3, 3), (1, 4)]
    data = bench.heard(socket_id)[1][1]
    batch_id = bench.client.hget(keys.photo(2), "batch_id")
    assert batch_id is not None
    assert data == {
        "photoId": 2,
        "jobId": data["jobId"],
        "stage": "queued",
        "progress": 0,
        "message": "En attente, position 2",
        "attempt": 1,
        "position": 2,
        "batchId": batch_id.decode(),
    }

    # Once two have begun, the others have moved up.
    first, second = await bench.begin(), await bench.begin()
    await line.tell(waited_ms=0, every_s=0)
    assert places(bench, socket_id)[4:] == [(3, 1), (1, 2)]
    assert [first.command.photo_id, second.command.photo_id] == [4, 2]


async def test_a_photo_without_watchers_or_just_come_is_not_told(
    bench: Bench, line: Positions
) -> None:
    socket_id = new_socket_id()
    await submit(bench.photos)
    await submit(bench.photos, socket_id=socket_id)
    await line.tell(waited_ms=60_000, every_s=0)
    assert places(bench, socket_id) == []

    await line.tell(waited_ms=0, every_s=0)
    assert places(bench, socket_id) == [(2, 2)]


async def test_a_photo_is_told_only_so_often(bench: Bench, line: Positions) -> None:
    socket_id = new_socket_id()
    for _ in range(2):
        await submit(bench.photos, socket_id=socket_id)
    await line.tell(waited_ms=0, every_s=60)
    await bench.begin()
    await line.tell(waited_ms=0, every_s=60)
    assert places(bench, socket_id) == [(1, 1), (2, 2)]

    await line.tell(waited_ms=0, every_s=0)
    assert places(bench, socket_id)[2:] == [(2, 1)]


async def test_those_in_line_are_told_that_the_budget_is_spent_and_when_it_is_not(
    bench: Bench, redis_url: str
) -> None:
    socket_id, answers = new_socket_id(), iter([False, True, True, False])
    bench.client.lpush(keys.durations(), 1000)
    await submit(bench.photos, socket_id=socket_id)
    async with closing(connect(redis_url)) as client:
        line = Positions(client, retention_s=600, budget_is_spent=lambda: next(answers))
        for _ in range(4):
            await line.tell(waited_ms=0, every_s=0)

    told = [(data["message"], "etaSeconds" in data) for _, data in bench.heard(socket_id)]
    assert told == [
        ("En attente, position 1", True),
        ("En attente, position 1 : budget du jour épuisé", False),
        ("En attente, position 1", True),
    ]


async def test_a_delayed_photo_is_in_line_once_it_is_due(bench: Bench, line: Positions) -> None:
    socket_id = new_socket_id()
    for _ in range(2):
        await submit(bench.photos, socket_id=socket_id)
    await bench.tagger.retry(await bench.begin(), delay_ms=0)
    await bench.tagger.retry(await bench.begin(), delay_ms=3_600_000)
    await line.tell(waited_ms=0, every_s=0)

    assert places(bench, socket_id) == [(1, 1)]
    told: list[dict[str, Any]] = [d for _, d in bench.heard(socket_id) if d.get("position")]
    assert told[0]["attempt"] == 2


async def test_many_that_are_due_at_once_are_all_in_line(bench: Bench, line: Positions) -> None:
    await submit(bench.photos, count=250)
    for taken in [await bench.begin() for _ in range(250)]:
        await bench.tagger.retry(taken, delay_ms=0)
    await line.tell(waited_ms=0, every_s=0)

    assert bench.client.zcard(keys.line()) == 250
    assert bench.client.zcard(keys.due()) == 0


async def test_the_wait_is_estimated_by_those_in_work_and_how_long_they_take(
    bench: Bench, line: Positions
) -> None:
    socket_id = new_socket_id()
    # Given four in work, and attempts of late that took 8 s each
    await submit(bench.photos, count=4)
    for _ in range(4):
        await bench.begin()
    bench.client.lpush(keys.durations(), *[8000] * 64)
    await submit(bench.photos, count=6, socket_id=socket_id)
    await line.tell(waited_ms=0, every_s=0)

    # I expect one to begin every 2 s
    waits = [data["etaSeconds"] for _, data in bench.heard(socket_id)]
    assert waits == [2, 4, 6, 8, 10, 12]


async def test_before_any_attempt_has_ended_those_in_work_tell_how_long_it_takes_at_least(
    bench: Bench, line: Positions
) -> None:
    socket_id = new_socket_id()
    # Given two in work, the first ever, for half a minute
    await submit(bench.photos, count=2)
    begun = [await bench.begin() for _ in range(2)]
    for taken in begun:
        bench.client.zincrby(keys.working(), -30_000, taken.command.photo_id)
    await submit(bench.photos, count=2, socket_id=socket_id)
    await line.tell(waited_ms=0, every_s=0)

    # I expect one to begin every quarter of a minute, as far as anybody knows
    waits = [data["etaSeconds"] for _, data in bench.heard(socket_id)]
    assert waits == pytest.approx([15, 30], abs=5)


async def test_a_long_line_is_told_in_turns(
    bench: Bench, line: Positions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.tagger.positions.NEAR", 2)
    monkeypatch.setattr("services.tagger.positions.PLACES", 2)
    line._next = 2
    socket_id = new_socket_id()
    await submit(bench.photos, count=6, socket_id=socket_id)
    told = []
    for _ in range(3):
        await line.tell(waited_ms=0, every_s=0)
        told.append(len(places(bench, socket_id)))

    assert told == [4, 6, 6]


async def test_one_far_behind_is_told_when_its_place_has_changed_by_a_tenth(
    bench: Bench, line: Positions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.tagger.positions.NEAR", 2)
    line._next = 2
    socket_id = new_socket_id()
    await submit(bench.photos, count=12, socket_id=socket_id)
    await line.tell(waited_ms=0, every_s=0)
    assert len(places(bench, socket_id)) == 12
    await bench.begin()
    await line.tell(waited_ms=0, every_s=0)

    # The first two each time; the eleventh and the twelfth have moved up by less than a tenth
    assert places(bench, socket_id)[12:] == [(i, i - 1) for i in range(2, 11)]


async def test_a_flood_of_waiting_photos_is_told_a_few_at_a_time(
    bench: Bench, line: Positions
) -> None:
    socket_id = new_socket_id()
    await submit(bench.photos, count=500, socket_id=socket_id)
    told: list[int] = []
    while sum(told) < 500:
        before = len(places(bench, socket_id))
        await line.tell(waited_ms=0, every_s=60)
        told.append(len(places(bench, socket_id)) - before)
        assert 0 < told[-1] <= EVENTS

    # I expect each to have been told once, where it stands
    assert sorted(places(bench, socket_id)) == [(i, i) for i in range(1, 501)]


async def test_the_line_is_told_also_when_the_server_s_clock_was_set_back(
    bench: Bench, line: Positions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.tagger.positions.EVERY_S", 0.05)
    socket_id = new_socket_id()
    await submit(bench.photos, socket_id=socket_id)
    # Given a turn in the hour that the clock was set back by
    bench.client.set(keys.line_lock(), "another", px=3_600_000)
    telling = asyncio.create_task(line.tell_forever())
    try:
        await wait_until(lambda: places(bench, socket_id) == [(1, 1)])
    finally:
        await end(telling)


async def test_no_wait_is_below_nothing_when_the_server_s_clock_was_set_back(
    bench: Bench, line: Positions
) -> None:
    socket_id = new_socket_id()
    await submit(bench.photos, count=2, socket_id=socket_id)
    # Given an attempt during which the clock was set back by an hour
    taken = await bench.begin()
    bench.client.hincrby(keys.photo(taken.command.photo_id), "started_at_ms", 3_600_000)
    await bench.tagger.complete(taken, [])
    await line.tell(waited_ms=0, every_s=0)

    assert bench.heard(socket_id)[-1][1]["etaSeconds"] == 0
