"""`make chaos`: faults under load. Exit code 0 if every promise held.

First the broker: messages flow through real producers and consumers while these are killed and
stopped, the server is killed and replies are lost; then what all of them noted is held against
what is left in Redis. Then the tests of faults that `make test` runs in short, at full length.
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

from tests.chaos.run import Plan, execute

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
}
TESTS = (
    "tests/e2e/test_cancels.py",
    "tests/e2e/test_gateway_kills.py",
    "tests/e2e/test_notifier_kills.py",
    "tests/e2e/test_odd_pictures.py",
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
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--messages", type=int, default=Plan.messages)
    parser.add_argument("--seconds", type=float, default=Plan.seconds, help="time to send them in")
    parser.add_argument("--only", choices=("broker", "tests"), help="one of the two parts")
    options = parser.parse_args(arguments)
    failed = 0
    if options.only != "tests":
        print(f"seed {options.seed}", flush=True)  # noqa: T201
        findings, done = execute(Plan(options.seed, options.messages, options.seconds))
        print(done, *findings, sep="\n", flush=True)  # noqa: T201
        failed = any(finding.broken for finding in findings)
    if options.only != "broker":
        os.environ.update(FULL_LENGTH)
        failed = bool(pytest.main([*TESTS, "--timeout=1800", "-rP"])) or failed
    return int(failed)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
