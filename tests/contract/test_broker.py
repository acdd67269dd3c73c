"""What Dramatiq's documentation says of every broker, held against its own two and ours."""

from __future__ import annotations

import functools
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dramatiq
import pytest
import redis
from dramatiq import Broker, GenericActor, Message, Middleware, group, pipeline
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import ActorNotFound, QueueJoinTimeout, QueueNotFound
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    Callbacks,
    CurrentMessage,
    GroupCallbacks,
    Pipelines,
    Retries,
    SkipMessage,
    TimeLimit,
)
from dramatiq.rate_limits.backends import StubBackend as StubRateLimits
from dramatiq.results import ResultFailure, Results
from dramatiq.results.backends import StubBackend as StubResults

from shared.broker import RedisStreamsBroker
from tests.support.broker import dead_letters, working
from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS = ("stub", "redis", "streams")


@dataclass
class Subject:
    """One kind of broker, on an empty server where it needs one."""

    kind: str
    url: str
    exits: ExitStack

    def broker(self, *middleware: Middleware) -> Any:
        """Return a broker with `middleware` and no other; it is closed after the test."""
        broker: Broker
        if self.kind == "stub":
            broker = StubBroker(list(middleware), fail_fast_default=False)
        elif self.kind == "redis":
            redis_broker = RedisBroker(url=self.url, middleware=list(middleware))
            self.exits.callback(redis_broker.client.connection_pool.disconnect)
            broker = redis_broker
        else:
            broker = RedisStreamsBroker(url=self.url, middleware=list(middleware))
        self.exits.callback(broker.close)
        return broker

    def dead(self, broker: Broker) -> list[str]:
        """Return the IDs of the dead letters of the queue `default`."""
        if isinstance(broker, StubBroker):
            return [message.message_id for message in broker.dead_letters_by_queue["default"]]
        with redis.Redis.from_url(self.url) as client:
            if self.kind == "redis":
                data = list(client.hgetall("dramatiq:default.XQ.msgs").values())
            else:
                data = [fields[b"m"] for fields in dead_letters(client)]
        return [Message.decode(each).message_id for each in data]


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, redis_url: str) -> Iterator[Subject]:
    with ExitStack() as exits:
        yield Subject(request.param, redis_url, exits)


@contextmanager
def worked(broker: Broker, queue_name: str = "default") -> Iterator[None]:
    """Work on what was sent, and is sent inside, until nothing is left."""
    with working(broker):
        yield
        broker.join(queue_name, timeout=20_000)


class Recorder(Middleware):
    """Notes the signals that concern messages, in their order."""

    def __init__(self) -> None:
        self.signals: list[str] = []

    def before_enqueue(self, *_: object) -> None:
        self.signals.append("before_enqueue")

    def after_enqueue(self, *_: object) -> None:
        self.signals.append("after_enqueue")

    def before_process_message(self, *_: object) -> None:
        self.signals.append("before_process_message")

    def after_process_message(self, *_: object, **__: object) -> None:
        self.signals.append("after_process_message")

    def after_skip_message(self, *_: object) -> None:
        self.signals.append("after_skip_message")

    def before_ack(self, *_: object) -> None:
        self.signals.append("before_ack")

    def after_ack(self, *_: object) -> None:
        self.signals.append("after_ack")

    def before_nack(self, *_: object) -> None:
        self.signals.append("before_nack")

    def after_nack(self, *_: object) -> None:
        self.signals.append("after_nack")


# Declaring


def test_declaring_an_actor_declares_its_queue(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker, queue_name="letters")
    def write() -> None: ...

    assert broker.get_declared_queues() >= {"letters"}
    assert broker.get_declared_actors() == {"write"}
    assert broker.get_actor("write") is write


def test_declaring_a_queue_again_has_no_effect(subject: Subject) -> None:
    class Declared(Middleware):
        names: list[str]

        def after_declare_queue(self, _broker: Broker, queue_name: str) -> None:
            self.names.append(queue_name)

    declared = Declared()
    declared.names = []
    broker = subject.broker(declared)

    broker.declare_queue("letters")
    broker.declare_queue("letters")

    assert declared.names == ["letters"]


def test_declaring_an_actor_again_has_no_effect(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        ran.append(number)

    queues = broker.get_declared_queues()
    broker.declare_actor(write)
    with worked(broker):
        write.send(1)

    assert broker.get_declared_actors() == {"write"}
    assert broker.get_declared_queues() == queues
    assert ran == [1]


def test_an_actor_nobody_declared_is_not_found(subject: Subject) -> None:
    with pytest.raises(ActorNotFound):
        subject.broker().get_actor("nobody")


def test_a_middleware_added_later_learns_of_queues_declared_before(subject: Subject) -> None:
    class Declared(Middleware):
        def after_declare_queue(self, _broker: Broker, queue_name: str) -> None:
            names.append(queue_name)

    names: list[str] = []
    broker = subject.broker()
    broker.declare_queue("letters")

    broker.add_middleware(Declared())

    assert "letters" in names


# Messages


def test_messages_run_with_their_arguments(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[tuple[object, ...]] = []

    @dramatiq.actor(broker=broker)
    def write(*args: object, **kwargs: object) -> None:
        ran.append((args, kwargs))

    write.send(1, "zwei", None, [3.5, {"vier": True}], to="Zoë")
    with worked(broker):
        write.send()

    assert ((1, "zwei", None, [3.5, {"vier": True}]), {"to": "Zoë"}) in ran
    assert ((), {}) in ran
    assert len(ran) == 2


def test_enqueue_returns_a_message_with_the_same_id(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    message = write.message()

    assert broker.enqueue(message).message_id == message.message_id


@pytest.mark.parametrize(("kind", "raises"), [("stub", True), ("redis", False), ("streams", False)])
def test_only_the_stub_broker_refuses_an_unknown_queue(
    redis_url: str, kind: str, *, raises: bool
) -> None:
    with ExitStack() as exits:
        broker = Subject(kind, redis_url, exits).broker()
        message: Message[Any] = Message("nowhere", "write", (), {}, {})
        if raises:
            with pytest.raises(QueueNotFound):
                broker.enqueue(message)
        else:
            assert broker.enqueue(message).queue_name == "nowhere"


# Documented for every broker; RedisBroker does not do it.
@pytest.mark.parametrize("kind", ["stub", "streams"])
def test_an_unknown_queue_cannot_be_consumed(redis_url: str, kind: str) -> None:
    with ExitStack() as exits, pytest.raises(QueueNotFound):
        Subject(kind, redis_url, exits).broker().consume("nowhere")


def test_a_message_for_an_unknown_actor_is_a_dead_letter(subject: Subject) -> None:
    broker = subject.broker()
    broker.declare_queue("default")
    message: Message[Any] = Message("default", "nobody", (), {}, {})

    with worked(broker):
        broker.enqueue(message)

    assert subject.dead(broker) == [message.message_id]


def test_a_delayed_message_runs_after_its_delay(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[float] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        ran.append(time.time())

    with working(broker):
        sent = time.time()
        write.send_with_options(delay=200)
        wait_until(lambda: bool(ran), "it has run")

    assert ran[0] - sent >= 0.198  # two clocks read in whole milliseconds


def test_delayed_messages_run_in_the_order_in_which_they_are_due(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        ran.append(number)

    with working(broker, threads=1):
        for number, delay in ((3, 600), (1, 50), (2, 300)):
            write.send_with_options(args=(number,), delay=delay)
        wait_until(lambda: len(ran) == 3, "all have run")

    assert ran == [1, 2, 3]


def test_more_urgent_actors_go_first_among_fetched_messages(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[str] = []
    gate, started = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def wait() -> None:
        started.set()
        gate.wait(20)

    @dramatiq.actor(broker=broker, priority=100)
    def later() -> None:
        ran.append("later")

    @dramatiq.actor(broker=broker, priority=0)
    def sooner() -> None:
        ran.append("sooner")

    # Given one thread, busy, and a worker that has fetched two more messages
    with working(broker, threads=1, prefetch=8) as worker:
        wait.send()
        assert started.wait(10)
        later.send()
        sooner.send()
        wait_until(lambda: worker.work_queue.qsize() == 2, "both are fetched")
        gate.set()
        broker.join("default", timeout=20_000)

    assert ran == ["sooner", "later"]


# Failing


def test_a_failing_message_is_retried_until_it_succeeds(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=10, max_backoff=20))
    attempts: list[int] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError("not yet")

    with worked(broker):
        write.send()

    assert len(attempts) == 3
    assert subject.dead(broker) == []


def test_a_message_out_of_retries_is_a_dead_letter(subject: Subject) -> None:
    broker = subject.broker(Retries(max_retries=2, min_backoff=10, max_backoff=20))
    attempts: list[int] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        attempts.append(1)
        raise ValueError("never")

    with worked(broker):
        message = write.send()

    assert len(attempts) == 3
    assert subject.dead(broker) == [message.message_id]


def test_a_retried_message_keeps_its_id_and_counts_its_retries(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=10, max_backoff=20), CurrentMessage())
    seen: list[tuple[str, int]] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append((message.message_id, message.options.get("retries", 0)))
        if len(seen) < 3:
            raise ValueError("not yet")

    with worked(broker):
        sent = write.send()

    assert seen == [(sent.message_id, 0), (sent.message_id, 1), (sent.message_id, 2)]


def test_an_actor_may_choose_when_it_is_retried(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=60_000))
    ran: list[float] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        ran.append(time.time())
        if len(ran) == 1:
            raise dramatiq.Retry(delay=100)

    with worked(broker):
        write.send()

    assert ran[1] - ran[0] >= 0.098


def test_an_expected_exception_is_not_retried(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=10))
    attempts: list[int] = []

    @dramatiq.actor(broker=broker, throws=ValueError)
    def write() -> None:
        attempts.append(1)
        raise ValueError("as expected")

    with worked(broker):
        message = write.send()

    assert len(attempts) == 1
    assert subject.dead(broker) == [message.message_id]


def test_without_retries_a_failing_message_is_done(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker)
    def write() -> None:
        raise ValueError("once")

    with worked(broker):
        write.send()

    assert subject.dead(broker) == []


def test_callbacks_are_sent_for_success_and_failure(subject: Subject) -> None:
    broker = subject.broker(Retries(max_retries=0), Callbacks())
    told: list[object] = []

    @dramatiq.actor(broker=broker)
    def succeeded(_data: object, result: object) -> None:
        told.append(result)

    @dramatiq.actor(broker=broker)
    def failed(_data: object, error: dict[str, str]) -> None:
        told.append(error["type"])

    @dramatiq.actor(broker=broker)
    def divide(by: int) -> float:
        return 1 / by

    with worked(broker):
        divide.send_with_options(args=(2,), on_success=succeeded, on_failure=failed)
        divide.send_with_options(args=(0,), on_success=succeeded, on_failure=failed)
        wait_until(lambda: len(told) == 2, "both callbacks have run")

    assert {str(each) for each in told} == {"0.5", "ZeroDivisionError"}


# Middleware


def test_the_result_of_a_message_can_be_waited_for(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(Results(backend=results, store_results=True))

    @dramatiq.actor(broker=broker)
    def add(a: int, b: int) -> int:
        return a + b

    with working(broker):
        message = add.send(1, 2)

        assert message.get_result(backend=results, block=True, timeout=20_000) == 3


def test_the_failure_of_a_message_is_a_result(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(Retries(max_retries=0), Results(backend=results, store_results=True))

    @dramatiq.actor(broker=broker)
    def fail() -> None:
        raise ValueError("no")

    with working(broker):
        message = fail.send()

        with pytest.raises(ResultFailure, match="ValueError"):
            message.get_result(backend=results, block=True, timeout=20_000)


def test_a_pipeline_feeds_each_result_to_the_next_actor(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(Pipelines(), Results(backend=results, store_results=True))

    @dramatiq.actor(broker=broker)
    def add(a: int, b: int = 0) -> int:
        return a + b

    with working(broker):
        pipe = pipeline([add.message(1, 2), add.message(3), add.message(4)], broker=broker).run()

        assert pipe.get_result(block=True, timeout=20_000) == 10


def test_a_pipeline_may_start_and_go_on_with_a_delay(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(Pipelines(), Results(backend=results, store_results=True))

    @dramatiq.actor(broker=broker)
    def add(a: int, b: int) -> int:
        return a + b

    with working(broker):
        second = add.message_with_options(args=(3,), delay=50)
        pipe = pipeline([add.message(1, 2), second], broker=broker).run(delay=50)

        assert pipe.get_result(block=True, timeout=20_000) == 6


def test_a_group_collects_the_results_and_calls_back_once(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(
        GroupCallbacks(StubRateLimits()), Results(backend=results, store_results=True)
    )
    finished: list[str] = []

    @dramatiq.actor(broker=broker)
    def square(number: int) -> int:
        return number * number

    @dramatiq.actor(broker=broker)
    def finish() -> None:
        finished.append("finished")

    squares = group([square.message(number) for number in range(5)], broker=broker)
    squares.add_completion_callback(finish.message())
    with worked(broker):
        squares.run()

        assert list(squares.get_results(block=True, timeout=20_000)) == [0, 1, 4, 9, 16]
        wait_until(lambda: bool(finished), "the callback has run")

    assert finished == ["finished"]


def test_a_message_too_old_is_skipped_and_a_dead_letter(subject: Subject) -> None:
    broker = subject.broker(AgeLimit(max_age=60_000))
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        ran.append(number)

    with worked(broker):
        write.send(1)
        old = write.message(2).copy(message_timestamp=int(time.time() * 1000) - 61_000)
        broker.enqueue(old)

    assert ran == [1]
    assert subject.dead(broker) == [old.message_id]


def test_an_actor_that_takes_too_long_is_interrupted(subject: Subject) -> None:
    broker = subject.broker(TimeLimit(time_limit=50, interval=10), Retries(max_retries=0))
    interrupted = threading.Event()

    @dramatiq.actor(broker=broker)
    def spin() -> None:
        deadline = time.monotonic() + 20
        try:
            while time.monotonic() < deadline:
                pass
        except BaseException:
            interrupted.set()
            raise

    broker.emit_after("process_boot")
    with worked(broker):
        message = spin.send()

    assert interrupted.is_set()
    assert subject.dead(broker) == [message.message_id]


def test_an_actor_knows_the_message_it_runs_for(subject: Subject) -> None:
    broker = subject.broker(CurrentMessage())
    seen: list[object] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        message = CurrentMessage.get_current_message()
        seen.append(message and message.message_id)

    with worked(broker):
        sent = write.send()

    assert seen == [sent.message_id]
    assert CurrentMessage.get_current_message() is None


def test_coroutines_can_be_actors(subject: Subject) -> None:
    broker = subject.broker(AsyncIO())
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    async def write(number: int) -> None:
        ran.append(number)

    with worked(broker):
        write.send(7)

    assert ran == [7]


def test_classes_can_be_actors(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[int] = []

    class Write(GenericActor):
        class Meta:
            actor = functools.partial(dramatiq.actor, broker=broker)

        def perform(self, number: int) -> None:
            ran.append(number)

    with worked(broker):
        Write.send(7)

    assert ran == [7]


def test_a_message_that_succeeds_is_acknowledged_after_it_was_processed(subject: Subject) -> None:
    recorder = Recorder()
    broker = subject.broker(recorder)

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    write.send()
    with worked(broker):
        pass

    assert recorder.signals == [
        "before_enqueue",
        "after_enqueue",
        "before_process_message",
        "after_process_message",
        "before_ack",
        "after_ack",
    ]


def test_a_message_that_fails_is_rejected_after_it_was_processed(subject: Subject) -> None:
    recorder = Recorder()
    broker = subject.broker(Retries(max_retries=0), recorder)

    @dramatiq.actor(broker=broker)
    def write() -> None:
        raise ValueError("no")

    write.send()
    with worked(broker):
        pass

    assert recorder.signals == [
        "before_enqueue",
        "after_enqueue",
        "before_process_message",
        "after_process_message",
        "before_nack",
        "after_nack",
    ]


def test_a_message_skipped_by_a_middleware_is_acknowledged(subject: Subject) -> None:
    class Skipping(Middleware):
        def before_process_message(self, *_: object) -> None:
            raise SkipMessage("not today")

    recorder = Recorder()
    broker = subject.broker(recorder, Skipping())
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        ran.append(1)

    write.send()
    with worked(broker):
        pass

    assert ran == []
    assert recorder.signals == [
        "before_enqueue",
        "after_enqueue",
        "before_process_message",
        "after_skip_message",
        "before_ack",
        "after_ack",
    ]


def test_a_retry_is_enqueued_before_its_message_is_acknowledged(subject: Subject) -> None:
    recorder = Recorder()
    # After signals are emitted in reverse: the recorder hears of the end before the retry.
    broker = subject.broker(Retries(min_backoff=60_000, max_retries=1), recorder)

    @dramatiq.actor(broker=broker)
    def write() -> None:
        raise ValueError("not yet")

    write.send()
    with working(broker):
        wait_until(lambda: "after_ack" in recorder.signals, "it is acknowledged")
        signals = recorder.signals[:8]

    assert signals == [
        "before_enqueue",
        "after_enqueue",
        "before_process_message",
        "after_process_message",
        "before_enqueue",
        "after_enqueue",
        "before_ack",
        "after_ack",
    ]


# Looking after queues


def test_joining_a_queue_that_does_not_empty_in_time_raises(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    write.send()  # and nobody works

    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=50)


def test_joining_waits_for_delayed_messages(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    write.send_with_options(delay=600_000)

    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=50)


def test_joining_an_empty_queue_returns(subject: Subject) -> None:
    broker = subject.broker()
    broker.declare_queue("default")

    broker.join("default", timeout=10_000)


def test_flushing_a_queue_drops_its_messages_and_no_others(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[str] = []

    @dramatiq.actor(broker=broker)
    def write(text: str) -> None:
        ran.append(text)

    @dramatiq.actor(broker=broker, queue_name="other")
    def draw(text: str) -> None:
        ran.append(text)

    write.send("flushed")
    draw.send("kept")
    broker.flush("default")
    with worked(broker, "other"):
        write.send("later")
        broker.join("default", timeout=20_000)

    assert sorted(ran) == ["kept", "later"]


def test_flushing_all_drops_the_messages_of_every_queue(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        ran.append(1)

    @dramatiq.actor(broker=broker, queue_name="other")
    def draw() -> None:
        ran.append(2)

    write.send()
    draw.send()
    draw.send_with_options(delay=10)
    broker.flush_all()
    with worked(broker):
        broker.join("other", timeout=20_000)

    assert ran == []


@pytest.mark.parametrize("kind", ["redis", "streams"])
def test_messages_outlive_the_broker_that_sent_them(redis_url: str, kind: str) -> None:
    ran: list[int] = []
    with ExitStack() as exits:
        broker = Subject(kind, redis_url, exits).broker()
        write = dramatiq.actor(broker=broker, actor_name="write")(ran.append)
        write.send(1)
        write.send_with_options(args=(2,), delay=50)

    with ExitStack() as exits:
        broker = Subject(kind, redis_url, exits).broker()
        dramatiq.actor(broker=broker, actor_name="write")(ran.append)
        with worked(broker):
            pass

    assert sorted(ran) == [1, 2]


def test_a_broker_may_have_one_worker_after_another(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        ran.append(number)

    for number in (1, 2):
        with worked(broker):
            write.send(number)

    assert ran == [1, 2]


def test_a_worker_paused_and_resumed_goes_on(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dramatiq.worker.CONSUMER_RESTART_DELAY_SECS", 0.05)
    broker = subject.broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        ran.append(number)

    with working(broker) as worker:
        write.send(1)
        broker.join("default", timeout=20_000)
        worker.pause()
        write.send(2)
        assert ran == [1]
        worker.resume()
        broker.join("default", timeout=20_000)

    assert ran == [1, 2]
