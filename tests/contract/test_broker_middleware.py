"""What Dramatiq says of every broker, of its own two and ours: its middlewares."""

from __future__ import annotations

import functools
import importlib
import threading
import time
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from dramatiq import GenericActor
from dramatiq.middleware import (
    AgeLimit,
    AsyncIO,
    CurrentMessage,
    Retries,
    ShutdownNotifications,
    TimeLimit,
)
from dramatiq.middleware.shutdown import Shutdown

from tests.support.broker import working
from tests.support.broker_subject import Subject, worked


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


def test_classes_share_what_their_base_says(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=10, max_backoff=20))
    ran: list[str] = []

    class Letter(GenericActor):
        class Meta:
            actor = functools.partial(dramatiq.actor, broker=broker)
            abstract = True
            queue_name = "letters"
            max_retries = 1

        text = ""

        def perform(self) -> None:
            ran.append(self.text)
            raise ValueError(self.text)

    class Love(Letter):
        text = "love"

    class Bill(Letter):
        text = "bill"

    with worked(broker, "letters"):
        Love.send()
        Bill.send()

    assert sorted(ran) == ["bill", "bill", "love", "love"]
    assert broker.get_declared_actors() == {"Love", "Bill"}


def test_an_actor_is_interrupted_when_its_worker_shuts_down(subject: Subject) -> None:
    broker = subject.broker(ShutdownNotifications(notify_shutdown=True))
    started, interrupted = threading.Event(), threading.Event()

    @dramatiq.actor(broker=broker)
    def spin() -> None:
        deadline = time.monotonic() + 20
        started.set()
        try:
            while time.monotonic() < deadline:
                pass
        except Shutdown:
            interrupted.set()
            raise

    with working(broker):
        spin.send()
        assert started.wait(10)

    assert interrupted.is_set()


def test_prometheus_counts_what_happens_to_messages(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The client decides when it is first imported whether it writes files, in all tests to come.
    importlib.import_module("prometheus_client")
    for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir"):
        monkeypatch.setenv(name, "as it was")  # the middleware changes it
    monkeypatch.setenv("dramatiq_prom_db", str(tmp_path))  # else it makes a folder elsewhere
    prometheus = importlib.import_module("dramatiq.middleware.prometheus")
    monkeypatch.setattr(prometheus, "DB_PATH", str(tmp_path))
    metrics = prometheus.Prometheus()
    broker = subject.broker(metrics, Retries(max_retries=1, min_backoff=10, max_backoff=20))

    @dramatiq.actor(broker=broker)
    def write() -> None: ...

    @dramatiq.actor(broker=broker)
    def fail() -> None:
        raise ValueError("no")

    broker.emit_after("process_boot")
    with worked(broker):
        write.send()
        write.send()
        fail.send()

    def count(metric: Any, actor_name: str) -> float:
        return float(metric.labels("default", actor_name)._value.get())

    assert count(metrics.total_messages, "write") == 2
    assert count(metrics.total_messages, "fail") == 2
    assert count(metrics.total_errored_messages, "fail") == 2
    assert count(metrics.total_retried_messages, "fail") == 1
    assert count(metrics.total_rejected_messages, "fail") == 1
    assert count(metrics.inprogress_messages, "write") == 0
