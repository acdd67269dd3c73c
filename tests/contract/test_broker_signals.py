"""What Dramatiq says of every broker, of its own two and ours: what middlewares are told."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import dramatiq
import pytest
from dramatiq import Broker, Middleware
from dramatiq.middleware import (
    Retries,
    SkipMessage,
)
from dramatiq.results import Results
from dramatiq.results.backends import StubBackend as StubResults

from tests.support.broker import working
from tests.support.broker_subject import Subject, worked
from tests.support.processes import wait_until


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


class Everything(Middleware):
    """Notes every signal, and what came with it."""

    def __init__(self) -> None:
        self.signals: list[tuple[str, Any]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith(("before_", "after_")):

            def note(_broker: Broker, *args: Any, **kwargs: Any) -> None:
                self.signals.append((name, (*args, kwargs)))

            return note
        return super().__getattribute__(name)

    def names(self, *parts: str) -> list[str]:
        """The names of the signals that contain one of `parts`, in their order."""
        return [name for name, _ in self.signals if any(part in name for part in parts)]

    def of(self, signal: str) -> list[Any]:
        """What came with each of these signals."""
        return [arguments for name, arguments in self.signals if name == signal]


def test_a_queue_is_declared_with_its_actor(subject: Subject) -> None:
    everything = Everything()
    broker = subject.broker(everything)

    @dramatiq.actor(broker=broker, queue_name="letters")
    def write() -> None: ...

    assert [name for name in everything.names("declare") if "delay" not in name] == [
        "before_declare_actor",
        "before_declare_queue",
        "after_declare_queue",
        "after_declare_actor",
    ]


# Theirs keep what is delayed in a queue of its own, which their workers fetch and hold in memory
# until it is due. Ours is held by Redis: there is no such queue, and nothing to be told of it.
@pytest.mark.parametrize(("kind", "has"), [("stub", True), ("redis", True), ("streams", False)])
def test_only_the_streams_broker_has_no_queue_for_what_is_delayed(
    redis_url: str, kind: str, *, has: bool
) -> None:
    with ExitStack() as exits:
        everything = Everything()
        broker = Subject(kind, redis_url, exits).broker(everything)
        ran: list[int] = []

        @dramatiq.actor(broker=broker)
        def write() -> None:
            ran.append(1)

        with worked(broker):
            write.send_with_options(delay=20)
            wait_until(lambda: bool(ran), "it has run")

        assert broker.get_declared_delay_queues() == ({"default.DQ"} if has else set())
        assert len(everything.of("after_declare_delay_queue")) == has
        assert len(everything.of("before_delay_message")) == has
        # And so theirs enqueue it twice: into that queue, and out of it.
        assert len(everything.of("before_enqueue")) == (2 if has else 1)


def test_middlewares_are_told_how_long_a_message_is_delayed(subject: Subject) -> None:
    everything = Everything()
    broker = subject.broker(everything)

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    sent = write.send()
    delayed = write.send_with_options(delay=600_000)

    for signal in ("before_enqueue", "after_enqueue"):
        told = [(message.message_id, delay) for message, delay, _ in everything.of(signal)]
        assert told == [(sent.message_id, None), (delayed.message_id, 600_000)]


def test_middlewares_are_told_the_result_or_the_exception(subject: Subject) -> None:
    everything = Everything()
    broker = subject.broker(everything, Results(backend=StubResults()))

    @dramatiq.actor(broker=broker)
    def divide(by: int) -> float:
        return 1 / by

    with worked(broker):
        divide.send(2)
        broker.join("default", timeout=20_000)
        divide.send(0)

    (_, succeeded), (_, failed) = everything.of("after_process_message")
    assert succeeded["result"] == 0.5
    assert isinstance(failed["exception"], ZeroDivisionError)


def test_middlewares_are_told_of_the_life_of_a_worker(subject: Subject) -> None:
    everything = Everything()
    broker = subject.broker(everything)
    broker.declare_queue("default")

    broker.emit_after("process_boot")
    with working(broker, threads=2):
        pass

    names = everything.names("worker", "thread", "process_boot")
    assert names[:2] == ["after_process_boot", "before_worker_boot"]
    assert names[-1] == "after_worker_shutdown"
    assert names.index("after_worker_boot") < names.index("before_worker_shutdown")
    for signal in ("after_worker_thread_boot", "before_worker_thread_shutdown"):
        assert names.count(signal) == 2
    booted = names.count("after_consumer_thread_boot")
    assert booted == names.count("before_consumer_thread_shutdown") >= 1


def test_middlewares_are_told_before_in_their_order_and_after_in_reverse(subject: Subject) -> None:
    told: list[str] = []

    class First(Middleware):
        name = "first"

        def before_process_message(self, *_: object) -> None:
            told.append(f"before {self.name}")

        def after_process_message(self, *_: object, **__: object) -> None:
            told.append(f"after {self.name}")

    class Second(First):
        name = "second"

    class Between(First):
        name = "between"

    broker = subject.broker(First(), Second())
    broker.add_middleware(Between(), before=Second)

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    with worked(broker):
        write.send()

    befores = ["before first", "before between", "before second"]
    assert told == [*befores, "after second", "after between", "after first"]
