"""`make bench`, or `python -m tests.bench [CASE ...]`: how fast it is, in one table a case.

Beside a figure stands what the cheapest thing does that could do it, measured in the same run, and
which share of that ours is. The broker's cases measure Dramatiq's RedisBroker, too, on the same
server with the same settings: the append-only file synced before each reply. A goal that was missed
is said, and no error: figures of a busy machine are no proof.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from deploy.local.server import find_server
from tests.bench import (
    backlog,
    fanout,
    flight,
    idle,
    latency,
    listing,
    local,
    photos,
    pickup,
    rates,
    recovery,
    returning,
    similar,
    sockets,
    starting,
    stored,
    uploads,
)
from tests.bench.figures import Sizes, as_json, markdown, table

CASES = {
    case.name: case
    for case in (
        uploads.CASE,
        latency.CASE,
        latency.COPIES,
        photos.CASE,
        photos.COPIES,
        flight.CASE,
        fanout.CASE,
        stored.CASE,
        local.CASE,
        starting.CASE,
        sockets.CASE,
        returning.CASE,
        listing.CASE,
        similar.CASE,
        pickup.CASE,
        rates.CASE,
        backlog.CASE,
        idle.CASE,
        recovery.CASE,
    )
}
FULL = Sizes(give_up_s=90.0, stored=1_000_000)
MARK = "<!-- make bench {} -->"
"""Between two of them stands a table of the docs."""

PERFORMANCE = Path("docs/performance.md")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; else all")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        default=Path("var/bench.json"),
        help="where the figures are written; var/bench.json",
    )
    parser.add_argument(
        "--beside",
        metavar="URL",
        default="",
        help="measure, in turns, another server that speaks our HTTP and Socket.IO there",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="a million photos stored, not 100 000; give up on a recovery after 90 s, not 30",
    )
    parser.add_argument(
        "--docs", action="store_true", help=f"put the tables of these cases into {PERFORMANCE}"
    )
    options = parser.parse_args(arguments)
    unknown = set(options.cases) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    sizes = replace(FULL if options.full else Sizes(), beside_url=options.beside.rstrip("/"))
    print(_said(_machine()))  # noqa: T201
    measured = {}
    for name in options.cases or CASES:
        figures = CASES[name].measure(sizes)
        measured[name] = as_json(figures)
        print(table(CASES[name], figures), flush=True)  # noqa: T201
        if options.docs:
            _write_between(PERFORMANCE, name, markdown(CASES[name], figures))
    if options.docs:
        _write_between(PERFORMANCE, "machine", _said(_machine()))
    told = {"machine": _machine(), "cases": measured}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(told, indent=2) + "\n")


def _write_between(path: Path, name: str, text: str) -> None:
    """Put `text` in the place of what stands between two marks of that name; SystemExit if none."""
    mark = MARK.format(name)
    parts = path.read_text().split(mark)
    if len(parts) != 3:
        raise SystemExit(f"{path} has no place for {name}: two lines {mark}")
    path.write_text(f"{parts[0]}{mark}\n{text.rstrip()}\n{mark}{parts[2]}")


def _said(machine: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def _machine() -> dict[str, str]:
    server = find_server()
    return {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "dramatiq": version("dramatiq"),
        "redis-py": version("redis"),
        server.engine: server.version,
    }


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(sys.argv[1:])
