"""Notifiers on one server, sockets on them and somebody who publishes, each in its own process.

On few cores they all share them, so the CPU time of each is told, too.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import redis

from tests.bench.asked import Asked
from tests.bench.costs import cpu_s
from tests.support.processes import ServiceProcess, wait_until
from tests.support.redis_server import temporary_server

LOAD = "tests.bench.realtime_load"
DATA_BYTES = 80


@dataclass(frozen=True)
class Told:
    """What became of some events that were published."""

    published_s: float
    took_s: float
    """From the first XADD to the last arrival."""

    p50_ms: float
    p99_ms: float


@dataclass
class Setup:
    """The processes, and the IDs of the sockets there are."""

    notifiers: list[ServiceProcess]
    client: redis.Redis
    sockets: Asked
    publisher: Asked
    ids: list[str] = field(default_factory=list)
    publisher_s: float = 0.0

    def open(self, sockets: int) -> float:
        """Connect so many more; return how many seconds it took."""
        held = self.sockets.ask(sockets)
        self.ids += held["ids"]
        return float(held["connect_s"])

    def publish(self, events: int, a_second: int = 0) -> Told:
        """Publish, as fast as the server takes it if `a_second` is 0; return when all arrived."""
        self.sockets.ask(None)
        published = self.publisher.ask(
            {"ids": self.ids, "events": events, "a_second": a_second, "size": DATA_BYTES}
        )
        self.publisher_s += published["cpu_s"]
        answers: list[dict[str, Any]] = []

        def arrived() -> bool:
            answers.append(self.sockets.ask(None))
            return sum(int(each["received"]) for each in answers) >= events

        wait_until(arrived, f"{events} events have arrived", timeout_s=120)
        first_ns = published["first_ns"]
        return Told(
            published_s=(published["last_ns"] - first_ns) / 1e9,
            took_s=(answers[-1]["last_ns"] - first_ns) / 1e9,
            p50_ms=answers[0].get("p50_ms", 0.0),  # of nearly all: the first report
            p99_ms=answers[0].get("p99_ms", 0.0),
        )

    def busy_s(self) -> dict[str, float]:
        """Return the CPU time that each part has had."""
        server: Any = self.client.info("cpu")
        return {
            "notifiers": sum(cpu_s(each.pid) for each in self.notifiers),
            "server": server["used_cpu_sys"] + server["used_cpu_user"],
            "clients": self.sockets.ask(None)["cpu_s"],
            "publisher": self.publisher_s,
        }

    def lane_reads(self) -> int:
        """Return how many XREADs the server has executed."""
        stats: Any = self.client.info("commandstats")
        return int(stats.get("cmdstat_xread", {}).get("calls", 0))

    def entries_read(self) -> list[int]:
        """Return how many entries each notifier has read, as it says itself."""
        return [_counted(each, "tagline_lane_entries_total") for each in self.notifiers]


@contextmanager
def running(notifiers: int = 1) -> Iterator[Setup]:
    """Notifiers, each with a lane of its own for its sockets; one socket on each."""
    with ExitStack() as stack:
        server = stack.enter_context(temporary_server())
        environment = {"REDIS_URL": server.url, "TAGLINE_CONNECTS_PER_S": "1000000"}
        started = [
            stack.enter_context(
                ServiceProcess("notifier", {**environment, "TAGLINE_HOME_LANE": str(lane)})
            )
            for lane in range(notifiers)
        ]
        ports = ",".join(str(each.wait_ready().port) for each in started)
        path = server.url.removeprefix("unix://").partition("?")[0]
        setup = Setup(
            started,
            stack.enter_context(redis.Redis.from_url(server.url)),
            stack.enter_context(Asked(LOAD, "sockets", ports)),
            stack.enter_context(Asked(LOAD, "publish", path)),
        )
        # Alone, as sockets come in life: Python learns from the first objects of a class what
        # they have in common, and those that follow a crowd would take more for ever.
        for _ in started:
            setup.open(1)
        yield setup


def _counted(notifier: ServiceProcess, name: str) -> int:
    with urllib.request.urlopen(f"{notifier.url}/metrics", timeout=10) as answer:  # noqa: S310 - http
        lines = answer.read().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith(f"{name} "))))
