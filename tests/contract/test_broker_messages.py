"""What Dramatiq says of every broker, of its own two and ours: sending and running."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import dramatiq
import pytest
from dramatiq import Message
from dramatiq.errors import QueueNotFound
from dramatiq.middleware import CurrentMessage

from tests.support.broker import working
from tests.support.broker_subject import Subject, worked
from tests.support.processes import wait_until


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


def test_a_message_carries_its_options_to_the_actor(subject: Subject) -> None:
    broker = subject.broker(CurrentMessage())
    seen: list[tuple[object, ...]] = []

    @dramatiq.actor(broker=broker)
    def write(number: int, *, to: str) -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append((number, to, message.options["stamp"], message.actor_name))

    with worked(broker):
        write.send_with_options(args=(1,), kwargs={"to": "Zoë"}, stamp="red")
        broker.enqueue(write.message_with_options(args=(2,), kwargs={"to": "Ada"}, stamp="blue"))

    assert sorted(seen) == [(1, "Zoë", "red", "write"), (2, "Ada", "blue", "write")]


def test_a_delayed_message_keeps_its_id_and_its_queue(subject: Subject) -> None:
    broker = subject.broker(CurrentMessage())
    seen: list[tuple[str, str]] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append((message.message_id, message.queue_name))

    with worked(broker):
        sent = write.send_with_options(delay=20)
        wait_until(lambda: bool(seen), "it has run")

    assert seen == [(sent.message_id, "default")]


def test_an_actor_can_be_called_without_a_message(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker)
    def add(a: int, b: int) -> int:
        return a + b

    assert add(1, 2) == 3
