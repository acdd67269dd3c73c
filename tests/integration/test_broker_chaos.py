"""The short form of the fault program; `make chaos` is the long one."""

from __future__ import annotations

from tests.chaos.run import Plan, execute

SEED = 20261125


def test_the_broker_keeps_its_promises_while_processes_server_and_replies_are_lost() -> None:
    plan = Plan(SEED, messages=1200, seconds=10.0, poison=2, consumers=3)

    findings, done = execute(plan)

    print(f"seed {SEED}: {done}", *findings, sep="\n")  # noqa: T201  # shown when it fails
    assert [finding.promise for finding in findings if finding.broken] == []
    assert len(findings) == 7
