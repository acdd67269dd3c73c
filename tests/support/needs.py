"""What tests need of the machine, and a laptop may lack."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test, for want of what `what` says; on CI it fails."""
    if "CI" in os.environ:
        pytest.fail(what)
    pytest.skip(what)
