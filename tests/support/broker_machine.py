"""The steps that can be taken with a queue, each taken with the broker and with a model of it.

Nothing waits for the clock: leases lapse and delayed messages fall due because the steps write so
into Redis, whose clock it is.
"""

from __future__ import annotations

from typing import Any

import redis
from dramatiq import Message
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.broker import PRIORITIES, RedisStreamsBroker, StreamMessage
from shared.broker.consumer import RedisStreamsConsumer
from shared.broker.keys import GROUP
from tests.support.broker import KEYS, LONG_LEASE_MS, QUEUE, give, message
from tests.support.broker_model import MAX_DEATHS, STREAMS, QueueModel

PREFETCH = (1, 2, 4)
"""Of each consumer."""

LONG_MS = 600_000
consumers = st.integers(0, len(PREFETCH) - 1)
picks = st.integers(0, 9)
priorities = st.sampled_from(PRIORITIES)


class QueueMachine(RuleBasedStateMachine):
    """The steps, each done to the broker and to the model."""

    def __init__(self, client: redis.Redis, broker: RedisStreamsBroker) -> None:
        super().__init__()
        client.flushall()
        self.client = client
        self.broker = broker
        self.model = QueueModel(held={number: [] for number in range(len(PREFETCH))})
        self.consumers = [self._consumer(number) for number in range(len(PREFETCH))]
        self.proxies: dict[str, StreamMessage] = {}
        self.sent = 0
        self.fallen_due = 0

    def teardown(self) -> None:
        for consumer in self.consumers:
            consumer.close()

    def _consumer(self, number: int) -> RedisStreamsConsumer:
        return self.broker.consume(QUEUE, prefetch=PREFETCH[number], timeout=1)

    # Sending

    @rule(sent=st.lists(priorities, min_size=1, max_size=6))
    def enqueue(self, sent: list[str]) -> None:
        for priority in sent:
            each = self._message(priority)
            self.broker.enqueue(each)
            self.model.enqueue(each.message_id, priority)

    @rule(priority=priorities)
    def delay(self, priority: str) -> None:
        sent = self._message(priority)
        self.broker.enqueue(sent, delay=LONG_MS)
        self.model.delay(sent.message_id, priority)

    @precondition(lambda self: self.model.delayed)
    @rule(pick=picks)
    def fall_due(self, pick: int) -> None:
        its_id = _pick(sorted(self.model.delayed), pick)
        members: Any = self.client.zrange(KEYS.delayed, 0, -1)
        member = next(each for each in members if _id(each.split(b":", 2)[2]) == its_id)
        self.fallen_due += 1
        self.client.zadd(KEYS.delayed, {member: self.fallen_due}, xx=True)
        self.model.fall_due(its_id)

    def _message(self, priority: str) -> Message[Any]:
        self.sent += 1
        return message(priority=priority).copy(message_id=f"m{self.sent:03}")

    # Fetching

    @rule(number=consumers)
    def fetch(self, number: int) -> None:
        self._fetch(number)

    @rule(number=consumers, times=st.integers(2, 8))
    def work(self, number: int, times: int) -> None:
        """Fetch and acknowledge, some times over."""
        for _ in range(times):
            self._fetch(number)
            for its_id in list(self.model.held[number]):
                self.consumers[number].ack(self.proxies[its_id])
                self.model.acknowledge(number, its_id)

    @rule(number=consumers, times=st.integers(2, 4))
    def die_of_it(self, number: int, times: int) -> None:
        """One process after another dies of what it fetches."""
        for _ in range(times):
            self._fetch(number)
            self._die(number)

    def _fetch(self, number: int) -> None:
        consumer = self.consumers[number]
        if self.model.paused and consumer._fetcher._paused:
            return  # it would wait for the end of the pause
        expected = self.model.fetch(number, PREFETCH[number] - len(self.model.held[number]))
        fetched: list[StreamMessage] = []
        for _ in range(4):  # one to notice that groups are missing or the queue is resumed
            consumer._fetcher._look_at = 0.0
            found = next(consumer)
            while found is not None:
                fetched.append(found)
                found = next(consumer) if consumer._intake.ready else None
            if fetched or consumer._fetcher._look_at > 0 or not expected:
                break
        assert [each.message_id for each in fetched] == expected
        for each in fetched:
            self.proxies[each.message_id] = each
            deaths = self.model.deaths[each.message_id]
            assert (each.deaths, each.failed) == (deaths, deaths >= MAX_DEATHS)
            if each.failed:  # as Dramatiq does with what a middleware skips
                consumer.nack(each)
                self.model.reject(number, each.message_id)

    # Settling

    @precondition(lambda self: self._holders())
    @rule(holder=picks, pick=picks, again=st.booleans())
    def acknowledge(self, holder: int, pick: int, *, again: bool) -> None:
        number, its_id = self._held(holder, pick)
        held = self.proxies[its_id]
        self.consumers[number].ack(held)
        if again:  # as when the reply was lost
            self.consumers[number]._settling.run_ack(held)
        self.model.acknowledge(number, its_id)

    @precondition(lambda self: self._holders())
    @rule(holder=picks, pick=picks)
    def reject(self, holder: int, pick: int) -> None:
        number, its_id = self._held(holder, pick)
        self.consumers[number].nack(self.proxies[its_id])
        self.model.reject(number, its_id)

    @precondition(lambda self: self._holders())
    @rule(holder=picks, pick=picks)
    def retry(self, holder: int, pick: int) -> None:
        number, its_id = self._held(holder, pick)
        held = self.proxies[its_id]
        self.broker.enqueue(held, delay=LONG_MS)
        self.consumers[number].ack(held)
        self.model.retry(number, its_id)

    @precondition(lambda self: self._holders())
    @rule(holder=picks, count=st.integers(1, 4))
    def hand_back(self, holder: int, count: int) -> None:
        number = _pick(self._holders(), holder)
        ids = self.model.held[number][:count]
        # Stream by stream, those of the first message's stream first.
        streams = [self.proxies[its_id].receipt.stream for its_id in ids]
        in_order = sorted(ids, key=lambda its_id: streams.index(self._stream(its_id)))
        self.consumers[number].requeue([self.proxies[its_id] for its_id in ids])
        self.model.hand_back(number, in_order)

    @precondition(lambda self: self._holders())
    @rule(holder=picks, comes_back=st.booleans())
    def die(self, holder: int, *, comes_back: bool) -> None:
        """A consumer vanishes, its leases lapse and are swept; it may come back all the same."""
        self._die(_pick(self._holders(), holder), comes_back=comes_back)

    def _die(self, number: int, *, comes_back: bool = False) -> None:
        if not self.model.held[number]:
            return
        gone = self.consumers[number]
        ids = sorted(self.model.held[number], key=self._place)
        for its_id in ids:
            receipt = self.proxies[its_id].receipt
            give(self.client, "gone", (receipt.stream, receipt.entry_id), idle_ms=2 * LONG_LEASE_MS)
        other = self.consumers[(number + 1) % len(PREFETCH)]
        self.client.delete(KEYS.swept)  # whoever swept last leaves the next one to others
        other._keeper.sweep()
        self.model.die(number, ids)
        if comes_back:
            for its_id, settle in zip(
                ids, (gone.ack, gone.nack, gone.ack, gone.nack), strict=False
            ):
                settle(self.proxies[its_id])
            gone.requeue([self.proxies[its_id] for its_id in ids])
        gone.close()
        self.consumers[number] = self._consumer(number)

    def _holders(self) -> list[int]:
        return [number for number, held in self.model.held.items() if held]

    def _held(self, holder: int, pick: int) -> tuple[int, str]:
        number = _pick(self._holders(), holder)
        return number, _pick(self.model.held[number], pick)

    def _stream(self, its_id: str) -> str:
        return self.proxies[its_id].receipt.stream

    def _place(self, its_id: str) -> tuple[int, list[int]]:
        """In the order of the streams, and in that of their entries."""
        entry_id = self.proxies[its_id].receipt.entry_id
        return KEYS.streams.index(self._stream(its_id)), [int(part) for part in entry_id.split("-")]

    # Looking after the queue

    @rule()
    def pause(self) -> None:
        self.broker.pause(QUEUE)
        self.model.paused = True

    @precondition(lambda self: self.model.paused)
    @rule()
    def resume(self) -> None:
        self.broker.resume(QUEUE)
        self.model.paused = False

    @precondition(lambda self: self.model.dead)
    @rule(pick=picks)
    def requeue_dead_letter(self, pick: int) -> None:
        its_id, letter_id = self._dead_letter(pick)
        assert self.broker.requeue_dead_letter(QUEUE, letter_id)
        assert not self.broker.requeue_dead_letter(QUEUE, letter_id)
        self.model.requeue(its_id)

    @precondition(lambda self: self.model.dead)
    @rule(pick=picks)
    def delete_dead_letter(self, pick: int) -> None:
        its_id, letter_id = self._dead_letter(pick)
        assert self.broker.delete_dead_letter(QUEUE, letter_id)
        self.model.delete(its_id)

    def _dead_letter(self, pick: int) -> tuple[str, str]:
        its_id, _ = _pick(self.model.dead, pick)
        letters = self.broker.dead_letters(QUEUE)
        return its_id, next(
            letter.id
            for letter in letters
            if letter.message is not None and letter.message.message_id == its_id
        )

    # What always holds

    @invariant()
    def every_message_is_in_one_place(self) -> None:
        places = self.model.places()
        assert sorted(places) == sorted(set(places))
        assert len(places) == self.sent

    @invariant()
    def redis_holds_what_the_model_holds(self) -> None:
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.zrange(KEYS.delayed, 0, -1)
            pipeline.xrange(KEYS.dead)
            for stream in KEYS.streams:
                pipeline.xrange(stream)
                pipeline.xpending_range(stream, GROUP, "-", "+", 1000)
            delayed, dead, *streams = pipeline.execute(raise_on_error=False)
        ids = [_id(member.split(b":", 2)[2]) for member in delayed]
        assert sorted(ids) == sorted([*self.model.delayed, *self.model.due])
        letters = [(_id(fields[b"m"]), fields[b"reason"].decode()) for _, fields in dead]
        assert letters == self.model.dead
        held: dict[str, list[str]] = {}
        for name, entries, pending in zip(STREAMS, streams[::2], streams[1::2], strict=True):
            self._check_stream(name, entries, _holders_of(pending), held)
        assert {name: sorted(ids) for name, ids in held.items()} == {
            self.consumers[number].name: sorted(ids)
            for number, ids in self.model.held.items()
            if ids
        }

    @invariant()
    def a_report_says_what_the_model_holds(self) -> None:
        report = self.broker.inspect(QUEUE)
        assert report.waiting == {name: len(ids) for name, ids in self.model.waiting.items()}
        assert report.active == sum(map(len, self.model.held.values()))
        assert report.delayed == len(self.model.delayed) + len(self.model.due)
        assert report.dead == len(self.model.dead)
        assert report.paused == self.model.paused

    def _check_stream(
        self, name: str, entries: Any, holders: dict[bytes, str], held: dict[str, list[str]]
    ) -> None:
        """Check who waits in a stream, and add to `held` who is held by which consumer."""
        waiting = []
        for entry_id, fields in entries:
            its_id = _id(fields[b"m"])
            assert int(fields.get(b"d", 0)) == self.model.deaths[its_id]
            if entry_id in holders:
                held.setdefault(holders.pop(entry_id), []).append(its_id)
            else:
                waiting.append(its_id)
        assert waiting == self.model.waiting[name]
        assert not holders  # nothing is pending that has gone


def _holders_of(pending: Any) -> dict[bytes, str]:
    if isinstance(pending, redis.ResponseError):
        assert str(pending).startswith("NOGROUP")  # nobody has fetched yet
        return {}
    return {each["message_id"]: each["consumer"].decode() for each in pending}


def _pick(items: list[Any], pick: int) -> Any:
    return items[pick % len(items)]


def _id(data: bytes) -> str:
    return Message.decode(data).message_id
