"""The short form of the fault program for the whole system; `make chaos` is the long one."""

from __future__ import annotations

import pytest

from tests.chaos import system
from tests.chaos.system.check import PROMISES
from tests.chaos.system.plan import short

SEED = 20261125


@pytest.mark.timeout(600)  # a busy machine takes its time to start thirty processes
def test_the_system_keeps_its_promises_while_everything_is_killed_stopped_and_cut_off() -> None:
    findings, done = system.execute(short(SEED))

    print(f"seed {SEED}: {done}", *findings, sep="\n")  # noqa: T201  # shown when it fails
    assert [finding.promise for finding in findings if finding.broken] == []
    assert len(findings) == len(PROMISES)
