"""`make chaos`: the fault tests at full length. Exit code 0 if every promise held."""

from __future__ import annotations

import os
import sys

import pytest

FULL_LENGTH = {"TAGLINE_TEST_KILLS": "50", "TAGLINE_TEST_PROVIDER_FULL": "1"}
TESTS = ("tests/e2e/test_gateway_kills.py", "tests/e2e/test_provider_limits.py")

if __name__ == "__main__":
    os.environ.update(FULL_LENGTH)
    sys.exit(pytest.main([*TESTS, "--timeout=1500", *sys.argv[1:]]))
