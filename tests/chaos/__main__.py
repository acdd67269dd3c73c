"""`make chaos`: the fault tests at full length. Exit code 0 if every promise held."""

from __future__ import annotations

import os
import sys

import pytest

FULL_LENGTH = {
    "TAGLINE_TEST_KILLS": "50",
    "TAGLINE_TEST_CANCELS": "1000",
    "TAGLINE_TEST_PROVIDER_FULL": "1",
    "TAGLINE_TEST_SOCKETS": "200",
    "TAGLINE_TEST_TRIMS": "10000",
    "TAGLINE_TEST_SLOW_READERS": "200",
    "TAGLINE_TEST_SLOW_MEGABYTES": "100",
}
FILES = [
    "tests/e2e/test_cancels.py",
    "tests/e2e/test_gateway_kills.py",
    "tests/e2e/test_notifier_kills.py",
    "tests/e2e/test_provider_limits.py",
    "tests/integration/test_resume_trims.py",
    "tests/integration/test_slow_readers.py",
]

if __name__ == "__main__":
    os.environ.update(FULL_LENGTH)
    sys.exit(pytest.main([*FILES, "--timeout=1800", "-rP", *sys.argv[1:]]))
