"""How much one notifier carries, and two: `python -m tests.bench.realtime`.

Events a second to few and to many sockets, from XADD to client; how long one takes at a
steady rate; what an idle socket costs; how fast sockets connect. The publisher and the
clients are processes of their own on the same machine: on few cores they, Redis and the
notifier share them, so the share of a core that the notifier had is printed too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import redis

from tests.support.processes import ROOT, ServiceProcess, clean_environment, wait_until
from tests.support.redis_server import temporary_server

EVENTS = 200_000
STEADY_A_SECOND = 1_000
STEADY_S = 10
DATA_BYTES = 80
FEW, MANY = 100, 5_000
TICKS_A_SECOND = 100


class Load:
    """One process of `tests.bench.realtime_load`."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.realtime_load", *arguments],
            cwd=ROOT, env=clean_environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, question: object) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


@dataclass(frozen=True)
class Setup:
    """Notifiers on one Redis, sockets on them, and somebody who publishes."""

    notifiers: list[ServiceProcess]
    sockets: Load
    ids: list[str]
    connects_a_second: float
    publisher: Load
    redis_url: str


@contextmanager
def running(sockets: int, *, notifiers: int = 1) -> Iterator[Setup]:
    with ExitStack() as stack:
        server = stack.enter_context(temporary_server())
        started = [
            stack.enter_context(
                ServiceProcess(
                    "notifier",
                    {
                        "REDIS_URL": server.url,
                        "TAGLINE_HOME_LANE": str(lane),
                        "TAGLINE_CONNECTS_PER_S": "1000000",
                    },
                )
            )
            for lane in range(notifiers)
        ]
        for each in started:
            each.wait_ready()
        ports = ",".join(str(each.port) for each in started)
        load = stack.enter_context(Load("sockets", ports, str(sockets)))
        held = load.answer()
        path = server.url.removeprefix("unix://").partition("?")[0]
        publisher = stack.enter_context(Load("publish", path))
        yield Setup(started, load, held["ids"], sockets / held["connect_s"], publisher, server.url)


def throughput(sockets: int, *, notifiers: int = 1, events: int = EVENTS) -> str:
    """Publish as fast as Redis takes it; a line with events a second, start to last arrival."""
    with running(sockets, notifiers=notifiers) as setup:
        publish(setup, events // 10, 0)  # warm
        busy_s = [cpu_s(each) for each in setup.notifiers]
        commands = lane_reads(setup.redis_url)
        published, got = publish(setup, events, 0)
        took_s = (got["last_ns"] - published["first_ns"]) / 1e9
        offered_s = (published["last_ns"] - published["first_ns"]) / 1e9
        cores = [
            (cpu_s(each) - before) / took_s
            for each, before in zip(setup.notifiers, busy_s, strict=True)
        ]
        reads = lane_reads(setup.redis_url) - commands
    return (
        f"{notifiers} notifier(s), {sockets:5} sockets  {events / took_s:8.0f} events/s "
        f"(published {events / offered_s:.0f}/s; notifier cores "
        f"{' + '.join(f'{each:.2f}' for each in cores)}, so "
        f"{events / took_s / sum(cores):.0f} events a core's second; {reads} XREADs)"
    )


def latency() -> str:
    """Publish steadily; a line with how long an event takes from XADD to its client."""
    with running(FEW) as setup:
        publish(setup, STEADY_A_SECOND, STEADY_A_SECOND)  # warm
        _, got = publish(setup, STEADY_A_SECOND * STEADY_S, STEADY_A_SECOND)
    return (
        f"XADD to client at {STEADY_A_SECOND}/s, {FEW} sockets  "
        f"p50 {got['p50_ms']:.2f} ms  p99 {got['p99_ms']:.2f} ms"
    )


def idle() -> str:
    """Open many sockets; a line with what each costs, and how fast they came."""
    with running(1) as alone, running(MANY) as many:
        each_bytes = (rss_bytes(many.notifiers[0]) - rss_bytes(alone.notifiers[0])) / (MANY - 1)
        connects = many.connects_a_second
    return f"{MANY} idle sockets  {each_bytes / 1024:.1f} KiB each, {connects:.0f} connects/s"


def publish(setup: Setup, events: int, a_second: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Publish, and return what publisher and sockets say once everything has arrived."""
    setup.sockets.ask(None)
    published = setup.publisher.ask(
        {"ids": setup.ids, "events": events, "a_second": a_second, "size": DATA_BYTES}
    )
    got: dict[str, Any] = {"received": 0}
    waited_ms: list[tuple[float, float]] = []

    def arrived() -> bool:
        nonlocal got
        fresh = setup.sockets.ask(None)
        if "p50_ms" in fresh:
            waited_ms.append((fresh["p50_ms"], fresh["p99_ms"]))
        got = {**fresh, "received": got["received"] + fresh["received"]}
        return bool(got["received"] >= events)

    wait_until(arrived, f"{events} events have arrived", timeout_s=120)
    if waited_ms:
        got["p50_ms"], got["p99_ms"] = waited_ms[0]  # of nearly all: the first report
    return published, got


def cpu_s(process: ServiceProcess) -> float:
    text = Path(f"/proc/{process.pid}/stat").read_text()
    user, system = text[text.rindex(")") + 2 :].split()[11:13]
    return (int(user) + int(system)) / TICKS_A_SECOND


def rss_bytes(process: ServiceProcess) -> int:
    pages = Path(f"/proc/{process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def lane_reads(redis_url: str) -> int:
    with redis.Redis.from_url(redis_url) as client:
        stats: Any = client.info("commandstats")
    return int(stats.get("cmdstat_xread", {}).get("calls", 0))


def run() -> str:
    """Measure everything; returns a table."""
    lines = [throughput(FEW), throughput(MANY), throughput(MANY, notifiers=2), latency(), idle()]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--only", choices=["few", "many", "two", "latency", "idle"])
    measures = {
        "few": lambda: throughput(FEW),
        "many": lambda: throughput(MANY),
        "two": lambda: throughput(MANY, notifiers=2),
        "latency": latency,
        "idle": idle,
    }
    options = parser.parse_args(arguments)
    started = time.monotonic()
    print(measures[options.only]() if options.only else run())  # noqa: T201
    print(f"({time.monotonic() - started:.0f} s)", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
