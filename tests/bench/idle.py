"""What a worker that has nothing to do asks of the server."""

from __future__ import annotations

import threading
import time

import redis

from tests.bench.figures import Case, Figure, Sizes
from tests.bench.subjects import BESIDE, BROKERS, OURS, emptied, opened, worked
from tests.support.redis_server import temporary_server

MOST_SENT = 1.0
END = "the end of the idle time"


def measure(sizes: Sizes) -> list[Figure]:
    sent: dict[str, float] = {}
    executed: dict[str, float] = {}
    with temporary_server() as server:
        for kind in BROKERS:
            with emptied(server.url) as client, opened(kind, server.url) as broker:
                broker.declare_queue("default")
                with worked(broker, lambda: None):
                    time.sleep(sizes.settle_s)
                    before = _calls(client)
                    sent[kind] = _sent(client, sizes.idle_s) / sizes.idle_s
                    # Less what this program asked: INFO, MONITOR and ECHO.
                    executed[kind] = (_calls(client) - before - 3) / sizes.idle_s
    goal, met = f"at most {MOST_SENT:g}", sent[OURS] <= MOST_SENT
    return [
        Figure("commands sent", "a second", sent[OURS], sent[BESIDE], goal=goal, met=met),
        Figure("executed, in scripts too", "a second", executed[OURS], executed[BESIDE]),
    ]


def _sent(client: redis.Redis, seconds: float) -> int:
    """Return how many commands clients send in that time."""
    count = 0
    with client.client() as ending, client.monitor() as monitor:
        ending.ping()  # connected before anything is counted
        end = threading.Timer(seconds, ending.echo, [END])
        end.start()
        for seen in monitor.listen():
            if END in seen["command"]:
                break
            count += seen["client_type"] != "lua" and seen["command"] != "PING"
        end.join()
    return count


def _calls(client: redis.Redis) -> int:
    """Return how many commands the server has executed, those of scripts too."""
    return sum(each["calls"] for each in client.info("commandstats").values())


CASE = Case("idle", "An idle worker of one queue", BESIDE, measure)
