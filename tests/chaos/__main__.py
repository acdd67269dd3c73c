"""`make chaos`: the fault tests at full length. Exit code 0 if every promise held."""

from __future__ import annotations

import os
import sys

import pytest

FULL_LENGTH = {"TAGLINE_TEST_KILLS": "50", "TAGLINE_TEST_CANCELS": "1000"}
TESTS = ("tests/e2e/test_gateway_kills.py", "tests/e2e/test_cancels.py")

if __name__ == "__main__":
    os.environ.update(FULL_LENGTH)
    sys.exit(pytest.main([*TESTS, "--timeout=600", *sys.argv[1:]]))
