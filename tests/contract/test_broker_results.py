"""What Dramatiq says of every broker, of its own two and ours: results, pipelines, groups."""

from __future__ import annotations

import dramatiq
import pytest
import redis
from dramatiq import group, pipeline
from dramatiq.middleware import (
    GroupCallbacks,
    Pipelines,
    Retries,
)
from dramatiq.rate_limits.backends import StubBackend as StubRateLimits
from dramatiq.results import ResultFailure, ResultMissing, Results
from dramatiq.results.backends import RedisBackend as RedisResults
from dramatiq.results.backends import StubBackend as StubResults

from tests.support.broker import working
from tests.support.broker_subject import Subject, worked
from tests.support.processes import wait_until


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


def test_a_pipeline_step_may_ignore_the_result_before_it(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(Pipelines(), Results(backend=results, store_results=True))

    @dramatiq.actor(broker=broker)
    def add(a: int, b: int = 0) -> int:
        return a + b

    with working(broker):
        ignoring = add.message_with_options(args=(5, 1), pipe_ignore=True)
        pipe = pipeline([add.message(1, 2), ignoring, add.message(4)], broker=broker).run()

        assert list(pipe.get_results(block=True, timeout=20_000)) == [3, 6, 10]


def test_a_pipeline_ends_where_a_step_fails(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(
        Retries(max_retries=0), Pipelines(), Results(backend=results, store_results=True)
    )
    ran: list[str] = []

    @dramatiq.actor(broker=broker)
    def fail() -> None:
        raise ValueError("no")

    @dramatiq.actor(broker=broker)
    def write(_result: object) -> None:
        ran.append("written")

    with worked(broker):
        failing = fail.message()
        pipeline([failing, write.message_with_options()], broker=broker).run()

    assert ran == []
    assert subject.dead(broker) == [failing.message_id]


def test_a_group_may_consist_of_pipelines(subject: Subject) -> None:
    results = StubResults()
    broker = subject.broker(
        Pipelines(), GroupCallbacks(StubRateLimits()), Results(backend=results, store_results=True)
    )
    finished: list[str] = []

    @dramatiq.actor(broker=broker)
    def add(a: int, b: int) -> int:
        return a + b

    @dramatiq.actor(broker=broker)
    def finish() -> None:
        finished.append("finished")

    def adding_ten_to(number: int) -> pipeline:
        ten = add.message_with_options(args=(10,))
        return pipeline([add.message(number, 1), ten], broker=broker)

    pipes = group([adding_ten_to(number) for number in range(3)], broker=broker)
    pipes.add_completion_callback(finish.message())
    with worked(broker):
        pipes.run(delay=20)

        assert list(pipes.get_results(block=True, timeout=20_000)) == [11, 12, 13]
        wait_until(lambda: bool(finished), "the callback has run")

    assert finished == ["finished"]


def test_results_may_be_kept_in_redis(subject: Subject) -> None:
    with redis.Redis.from_url(subject.url) as client:
        results = RedisResults(client=client)
        broker = subject.broker(Results(backend=results))

        @dramatiq.actor(broker=broker, store_results=True)
        def add(a: int, b: int) -> int:
            return a + b

        @dramatiq.actor(broker=broker)
        def forget() -> int:
            return 1

        with worked(broker):
            kept, forgotten = add.send(1, 2), forget.send()

            assert broker.get_results_backend() is results
            assert kept.get_result(backend=results, block=True, timeout=20_000) == 3
        with pytest.raises(ResultMissing):
            forgotten.get_result(backend=results)


def test_a_broker_without_results_says_so(subject: Subject) -> None:
    with pytest.raises(RuntimeError, match="results backend"):
        subject.broker().get_results_backend()
