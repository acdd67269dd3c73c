"""What Dramatiq says of every broker, of its own two and ours: retries and dead letters."""

from __future__ import annotations

import time
from typing import Any

import dramatiq
import pytest
from dramatiq.middleware import (
    Callbacks,
    CurrentMessage,
    Retries,
)
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import StubBackend as StubRateLimits

from tests.support.broker_subject import Subject, worked
from tests.support.processes import wait_until


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


def test_an_actor_may_say_which_exceptions_are_retried(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=10, max_backoff=20))
    attempts: list[int] = []

    def not_for_long(retries: int, error: Exception) -> bool:
        return isinstance(error, ValueError) and retries < 2

    @dramatiq.actor(broker=broker, retry_when=not_for_long)
    def write() -> None:
        attempts.append(1)
        raise ValueError("never")

    with worked(broker):
        message = write.send()

    assert len(attempts) == 3
    assert subject.dead(broker) == [message.message_id]


@pytest.mark.parametrize(("actor", "message", "attempts"), [(1, None, 2), (5, 0, 1), (0, 1, 2)])
def test_a_message_may_be_retried_more_or_less_often_than_its_actor(
    subject: Subject, actor: int, message: int | None, attempts: int
) -> None:
    broker = subject.broker(Retries(max_retries=9, min_backoff=10, max_backoff=20))
    ran: list[int] = []

    @dramatiq.actor(broker=broker, max_retries=actor)
    def write() -> None:
        ran.append(1)
        raise ValueError("never")

    options: dict[str, Any] = {} if message is None else {"max_retries": message}
    with worked(broker):
        sent = write.send_with_options(**options)

    assert len(ran) == attempts
    assert subject.dead(broker) == [sent.message_id]


def test_another_actor_may_be_told_when_retries_are_exhausted(subject: Subject) -> None:
    broker = subject.broker(Retries(max_retries=1, min_backoff=10, max_backoff=20))
    told: list[tuple[str, int, int]] = []

    @dramatiq.actor(broker=broker)
    def regret(data: dict[str, str], retried: dict[str, int]) -> None:
        told.append((data["message_id"], retried["retries"], retried["max_retries"]))

    @dramatiq.actor(broker=broker, on_retry_exhausted="regret")
    def write() -> None:
        raise ValueError("never")

    with worked(broker):
        message = write.send()
        wait_until(lambda: bool(told), "the other actor is told")

    assert told == [(message.message_id, 1, 1)]
    assert subject.dead(broker) == [message.message_id]


def test_a_retried_message_says_when_and_why(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=10, max_backoff=20), CurrentMessage())
    seen: list[dict[str, object]] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        message = CurrentMessage.get_current_message()
        assert message is not None
        seen.append(dict(message.options))
        if len(seen) == 1:
            raise ValueError("not yet")

    sent_ms = int(time.time() * 1000)
    with worked(broker):
        write.send()

    first, second = seen
    assert "requeue_timestamp" not in first
    assert int(str(second["requeue_timestamp"])) >= sent_ms
    assert "ValueError: not yet" in str(second["traceback"])


def test_a_message_that_a_rate_limit_stops_is_retried(subject: Subject) -> None:
    broker = subject.broker(Retries(min_backoff=10, max_backoff=20))
    only_one = ConcurrentRateLimiter(StubRateLimits(), "letters", limit=1)
    together: list[int] = []
    ran: list[int] = []

    @dramatiq.actor(broker=broker)
    def write() -> None:
        with only_one.acquire():
            together.append(1)
            ran.append(len(together))
            time.sleep(0.02)
            together.pop()

    with worked(broker):
        for _ in range(4):
            write.send()

    assert ran == [1, 1, 1, 1]
    assert subject.dead(broker) == []
