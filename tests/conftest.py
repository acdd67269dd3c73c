from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
import redis

from tests.support.processes import descendants, wait_until
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from deploy.local.server import EmbeddedServer

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have every test an id of its own: of several with one, but one is run in parallel.

    Those that schemathesis makes of one function, for each operation, get the same from pytest 9.2.
    """
    for item in items:
        name, bracket, label = item.name.partition("[")
        if bracket and item.parent is not None and item.id.params is None:
            item._id = item.parent.id.child(name).with_params(label.removesuffix("]"))
    twice = [each for each, count in Counter(item.nodeid for item in items).items() if count > 1]
    if twice:
        raise pytest.UsageError(f"tests of one id, of which but one would be run: {twice}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have what a test printed in UTF-8: one of several processes could not tell it else."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left_behind() -> Iterator[None]:
    """Set up first and so torn down last: whatever a test started has ended by then."""
    if sys.platform == "linux":
        # Orphans become children of this process, instead of vanishing from its view.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    try:
        wait_until(lambda: not descendants(os.getpid()), "all processes of the tests have ended")
    except AssertionError:
        left = descendants(os.getpid())
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        pytest.fail(f"processes left behind by the tests: {left}")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[EmbeddedServer]:
    """The session's server, on a Unix socket. Tests that harm a server start their own."""
    with temporary_server() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedServer) -> str:
    """The URL of an empty Redis."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url
