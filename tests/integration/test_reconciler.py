"""Photos whose message is lost: found, put back, and only those."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from services.tagger.reconciler import Reconciler
from services.tagger.turns import Turns
from shared import keys
from shared.broker.keys import GROUP
from shared.commands import TAGGING
from shared.redis import closing, connect
from shared.tasks import end
from tests.support.tagging import Bench, lose_all_messages, submit


@pytest.fixture
async def reconciler(redis_url: str) -> AsyncIterator[Reconciler]:
    async with closing(connect(redis_url)) as client:
        yield Reconciler(client)


async def test_a_photo_completes_though_its_message_was_deleted(
    bench: Bench, reconciler: Reconciler
) -> None:
    # Given a photo that waits, one that is delayed, one that runs, and one that has ended
    for _ in range(4):
        await submit(bench.photos)
    await bench.complete("chat")
    running = await bench.begin()
    await bench.tagger.retry(await bench.begin(), delay_ms=3_600_000)

    # If their messages are deleted by hand
    lose_all_messages(bench.client)

    # I expect them to be put back, once, in their old order
    assert await reconciler.reconcile(still_s=-1) == 3
    assert await reconciler.reconcile(still_s=-1) == 0
    assert not await bench.tagger.step(running.record or pytest.fail("not begun"), "ai", 30)
    ids = [(await bench.complete("chat")).command.photo_id for _ in range(3)]
    assert sorted(ids) == [2, 3, 4]
    assert bench.queue.fetch() is None


async def test_a_tagger_whose_clock_is_wrong_finds_what_is_lost(
    bench: Bench, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(bench.photos)
    lose_all_messages(bench.client)
    true_s = time.time
    monkeypatch.setattr(time, "time", lambda: true_s() - 3600)

    assert await reconciler.reconcile(still_s=-1) == 1


async def test_a_photo_that_has_its_message_is_left_alone(
    bench: Bench, reconciler: Reconciler
) -> None:
    # Given messages wherever they may be: due, delayed, waiting, held, handed back, taken over
    for _ in range(6):
        await submit(bench.photos)
    bench.queue.give_back(await bench.begin())
    held = bench.queue.fetch()
    assert held is not None
    await bench.begin()
    await bench.tagger.retry(await bench.begin(), delay_ms=0)
    bench.client.xclaim(held.receipt.stream, GROUP, "another", 0, [held.receipt.entry_id])
    await bench.begin()
    await bench.tagger.retry(await bench.begin(), delay_ms=3_600_000)

    assert await reconciler.reconcile(still_s=-1) == 0
    assert bench.client.zcard(TAGGING.delayed) == 1


async def test_where_a_message_has_moved_by_itself_its_job_is_told(
    bench: Bench, reconciler: Reconciler
) -> None:
    # Given a photo that is due again, in the line behind others
    for _ in range(3):
        await submit(bench.photos)
    again = await bench.begin()
    await bench.tagger.retry(again, delay_ms=0)
    held = bench.queue.fetch()
    assert held is not None
    job = keys.job(again.command.job_id)
    before = bench.client.hget(job, "entry")

    # I expect it to be looked for once
    assert await reconciler.reconcile(still_s=-1) == 0
    stream, entry = bench.client.hmget(job, "stream", "entry")
    assert entry != before
    assert len(bench.client.xrange(stream, entry, entry)) == 1
    assert await reconciler._not_in_place(await reconciler._candidates(-1)) == {}


async def test_what_has_just_moved_is_not_looked_for(bench: Bench, reconciler: Reconciler) -> None:
    await submit(bench.photos)
    lose_all_messages(bench.client)

    assert await reconciler.reconcile(still_s=3600) == 0
    assert await reconciler.reconcile(still_s=-1) == 1


async def test_a_message_that_is_no_message_does_not_end_the_search(
    bench: Bench, reconciler: Reconciler
) -> None:
    await submit(bench.photos)
    lose_all_messages(bench.client)
    for text in (b"{", b"[]", b'{"kwargs": 3}'):
        bench.client.xadd(TAGGING.front, {"m": text})

    assert await reconciler.reconcile(still_s=-1) == 1
    bench.client.delete(TAGGING.front)


async def test_messages_are_looked_for_also_when_the_server_s_clock_was_set_back(
    bench: Bench, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    async def look() -> int:
        looked.set()
        return 0

    monkeypatch.setattr("services.tagger.reconciler.EVERY_S", 0.05)
    monkeypatch.setattr(reconciler, "reconcile", look)
    # Given a turn in the hour that the clock was set back by
    bench.client.set(keys.reconciler_lock(), "another", px=3_600_000)
    looking = asyncio.create_task(reconciler.run_forever())
    try:
        await asyncio.wait_for(looked.wait(), 10)
    finally:
        await end(looking)


async def test_of_many_taggers_one_has_a_turn(bench: Bench, redis_url: str) -> None:
    async with closing(connect(redis_url)) as one, closing(connect(redis_url)) as other:
        turns = [Turns(client, keys.line_lock()) for client in (one, other, one)]

        assert [await each.mine(every_s=60) for each in turns] == [True, False, False]
        bench.client.delete(keys.line_lock())
        assert await turns[1].mine(every_s=60)
        assert 0 < bench.client.pttl(keys.line_lock()) <= 60_000
