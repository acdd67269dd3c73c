"""Any steps taken with a queue of the broker leave it as they leave a simple model of it."""

from __future__ import annotations

import os

import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.broker import RedisStreamsBroker
from tests.support.broker import LONG_LEASE_MS, QUEUE
from tests.support.broker_machine import QueueMachine

EXAMPLES = int(os.environ.get("TAGLINE_TEST_EXAMPLES", "0"))
"""`make chaos` sets more, and takes others every time."""

SETTINGS = settings(
    max_examples=EXAMPLES or 40,
    stateful_step_count=40,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    print_blob=True,
    # A failure is repeated by the next run; to make it shorter takes minutes.
    phases=[Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_any_sequence_of_steps_leaves_the_queue_as_the_model_says(redis_url: str) -> None:
    broker = RedisStreamsBroker(url=redis_url, middleware=[], claim_after_ms=LONG_LEASE_MS)
    broker.declare_queue(QUEUE)
    with redis.Redis.from_url(redis_url) as client:

        class Machine(QueueMachine):
            def __init__(self) -> None:
                super().__init__(client, broker)

        client.config_set("appendfsync", "no")  # the server is not to die here, and steps are many
        try:
            run_state_machine_as_test(Machine, settings=SETTINGS)
        finally:
            client.config_set("appendfsync", "always")
    broker.close()
