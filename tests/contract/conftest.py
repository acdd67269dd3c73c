from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.broker_subject import KINDS, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=KINDS)
def subject(request: pytest.FixtureRequest, redis_url: str) -> Iterator[Subject]:
    """Each kind of broker in turn."""
    with ExitStack() as exits:
        yield Subject(request.param, redis_url, exits)
