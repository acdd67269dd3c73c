"""`make chaos`: faults under load. Exit code 0 if every promise held.

First the broker: messages flow through real producers and consumers while these are killed and
stopped, the server is killed and replies are lost; then what all of them noted is held against
what is left in Redis. Then the whole system: clients upload and follow, with all services, the
provider and the server under faults. Then the tests of faults that `make test` runs in short, at
full length. Last, faults are put into our own code, and the proof has to find each. `--only soak`
lasts long: load at four fifths of what the machine does, and whether memory or open files grow.
`--seed` repeats a run's messages and faults, not the moments at which processes reach them.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
from collections.abc import Sequence

import pytest

from tests.chaos import run, soak, system
from tests.chaos.check import Finding
from tests.chaos.mutants import MUTANTS, judge
from tests.chaos.system.plan import short

PARTS = ("broker", "system", "tests", "mutants")

FULL_LENGTH = {
    "TAGLINE_TEST_KILLS": "50",
    "TAGLINE_TEST_CANCELS": "1000",
    "TAGLINE_TEST_PROVIDER_FULL": "1",
    "TAGLINE_TEST_EXAMPLES": "500",
    "TAGLINE_TEST_SOCKETS": "200",
    "TAGLINE_TEST_TRIMS": "10000",
    "TAGLINE_TEST_SLOW_READERS": "200",
    "TAGLINE_TEST_SLOW_MEGABYTES": "100",
    "TAGLINE_TEST_PICTURES": "10000",
    "TAGLINE_TEST_UPLOADED": "400",
    "TAGLINE_TEST_REQUESTS": "5000",
    "TAGLINE_TEST_FRAMES": "1000",
    "TAGLINE_TEST_SLOW_CONNECTIONS": "300",
    "TAGLINE_TEST_SLOW_PATIENCE_S": "5",
    "TAGLINE_TEST_AWAY_S": "120",
}
TESTS = (
    "tests/e2e/test_cancels.py",
    "tests/e2e/test_gateway_kills.py",
    "tests/e2e/test_notifier_kills.py",
    "tests/e2e/test_odd_pictures.py",
    "tests/e2e/test_outages.py",
    "tests/e2e/test_provider_limits.py",
    "tests/integration/test_broker_model.py",
    "tests/integration/test_mutated_frames.py",
    "tests/integration/test_mutated_requests.py",
    "tests/integration/test_resume_trims.py",
    "tests/integration/test_slow_connections.py",
    "tests/integration/test_slow_readers.py",
    "tests/unit/test_odd_pictures.py",
)


def main(arguments: Sequence[str]) -> int:
    broker = run.Plan
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--seeds", type=int, default=1, help="how many runs, each with the next")
    parser.add_argument("--messages", type=int, default=broker.messages)
    parser.add_argument("--seconds", type=float, default=broker.seconds, help="to send them in")
    parser.add_argument("--short", action="store_true", help="the system's short form")
    parser.add_argument("--only", choices=(*PARTS, "soak"), help="one of the parts")
    parser.add_argument("--mutant", action="append", help="only this one; may be repeated")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long to soak")
    options = parser.parse_args(arguments)
    failed = False
    for seed in range(options.seed, options.seed + options.seeds):
        if options.only in {None, "broker"}:
            print(f"broker, seed {seed}", flush=True)  # noqa: T201
            failed |= _tell(*run.execute(broker(seed, options.messages, options.seconds)))
        if options.only in {None, "system"}:
            print(f"system, seed {seed}", flush=True)  # noqa: T201
            plan = short(seed) if options.short else system.Plan(seed)
            failed |= _tell(*system.execute(plan))
    if options.only in {None, "tests"}:
        os.environ.update(FULL_LENGTH)
        failed |= bool(pytest.main([*TESTS, "--timeout=1800", "-rP"]))
    if options.only in {None, "mutants"}:
        failed |= not _all_caught(options.seed, options.mutant)
    if options.only == "soak":
        well, told = soak.execute(options.minutes, options.seed)
        print(told, flush=True)  # noqa: T201
        failed |= not well
    return int(failed)


def _all_caught(seed: int, names: Sequence[str] | None) -> bool:
    """Judge the mutants, or those of the given names; return whether each was caught."""
    caught = True
    for mutant in MUTANTS:
        if names is None or mutant.name in names:
            verdict = judge(mutant, seed)
            print(verdict, flush=True)  # noqa: T201
            caught &= bool(verdict.broken)
    return caught


def _tell(findings: Sequence[Finding], done: str) -> bool:
    """Print what was found; return whether any promise was broken."""
    print(done, *findings, sep="\n", flush=True)  # noqa: T201
    return any(finding.broken for finding in findings)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
