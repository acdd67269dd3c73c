"""What Dramatiq says of every broker, of its own two and ours: looking after queues."""

from __future__ import annotations

from contextlib import ExitStack

import dramatiq
import pytest
from dramatiq import Worker
from dramatiq.errors import QueueJoinTimeout, QueueNotFound

from tests.support.broker import working
from tests.support.broker_subject import Subject, worked


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


# Documented for every broker; only the stub broker does it. Redis knows nothing of queues that
# are declared: to it, that one is empty.
@pytest.mark.parametrize(("kind", "raises"), [("stub", True), ("redis", False), ("streams", False)])
def test_only_the_stub_broker_refuses_to_join_an_unknown_queue(
    redis_url: str, kind: str, *, raises: bool
) -> None:
    with ExitStack() as exits:
        broker = Subject(kind, redis_url, exits).broker()
        if raises:
            with pytest.raises(QueueNotFound):
                broker.join("nowhere", timeout=10_000)
        else:
            broker.join("nowhere", timeout=10_000)


def test_flushing_a_queue_drops_its_delayed_messages(subject: Subject) -> None:
    broker = subject.broker()

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    write.send_with_options(delay=600_000)
    broker.flush_all()

    broker.join("default", timeout=10_000)


def test_a_worker_may_work_on_some_queues_only(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[str] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        ran.append("written")

    @dramatiq.actor(broker=broker, queue_name="other")
    def draw() -> None:
        ran.append("drawn")

    write.send()
    draw.send()
    worker = Worker(broker, queues={"other"}, worker_threads=1, worker_timeout=20)
    worker.start()
    broker.join("other", timeout=20_000)
    worker.stop()

    assert ran == ["drawn"]
    with pytest.raises(QueueJoinTimeout):
        broker.join("default", timeout=50)


def test_every_message_of_a_queue_is_worked_on_once_by_several_workers(subject: Subject) -> None:
    broker = subject.broker()
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write(number: int) -> None:
        ran.append(number)

    for number in range(50):
        write.send(number)
    with working(broker), worked(broker):
        pass

    assert sorted(ran) == list(range(50))
