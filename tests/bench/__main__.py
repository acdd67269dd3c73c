"""`make bench`, or `python -m tests.bench [CASE ...]`: how fast it is, in one table a case.

The broker's cases measure Dramatiq's RedisBroker in the same run, on the same server with the
same settings: the append-only file synced before each reply. A goal that was missed is said, and
no error: figures of a busy machine are no proof.
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
from importlib.metadata import version
from pathlib import Path

from deploy.local.server import find_server
from tests.bench import (
    backlog,
    fanout,
    idle,
    listing,
    local,
    pickup,
    rates,
    recovery,
    returning,
    similar,
    sockets,
    uploads,
)
from tests.bench.figures import Sizes, as_json, table

CASES = {
    module.CASE.name: module.CASE
    for module in (
        pickup,
        rates,
        backlog,
        idle,
        recovery,
        uploads,
        listing,
        local,
        similar,
        sockets,
        fanout,
        returning,
    )
}
FULL_GIVE_UP_S = 90.0


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; else all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--full", action="store_true", help="give up on a recovery after 90 s")
    options = parser.parse_args(arguments)
    unknown = set(options.cases) - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    sizes = replace(Sizes(), give_up_s=FULL_GIVE_UP_S) if options.full else Sizes()
    print(*(f"{name} {value}" for name, value in _machine().items()), sep=", ")  # noqa: T201
    measured = {}
    for name in options.cases or CASES:
        figures = CASES[name].measure(sizes)
        measured[name] = as_json(figures)
        print(table(CASES[name], figures), flush=True)  # noqa: T201
    if options.json:
        told = {"machine": _machine(), "cases": measured}
        options.json.write_text(json.dumps(told, indent=2) + "\n")


def _machine() -> dict[str, str]:
    server = find_server()
    return {
        "cores": str(os.cpu_count()),
        "Python": platform.python_version(),
        "dramatiq": version("dramatiq"),
        "redis-py": version("redis"),
        server.engine: server.version,
    }


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    main(sys.argv[1:])
