"""Lines of the log: written whatever is in them, and no concern of who writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import ROOT, clean_environment

PROGRAM: Final = """
import logging
import threading
import structlog
from shared.logging import configure

configure("gateway", "json", "warning")
logger = structlog.stdlib.get_logger()
logger.info("not_said")
logger.warning("plain", photo_id=7)
logger.warning("odd", path="\\udc80", number=1 << 70, other={1})
cycle = {}
cycle["again"] = cycle
logger.warning("odder", cycle=cycle, pair={(1, 2): 3}, photo_id=7)
logger.warning("oddest", digits=10**5000, none=float("nan"))
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("broke")
library = logging.getLogger("asyncio")
library.error("from a %s", "library")
for say in (logger.error, library.error):
    thread = threading.Thread(target=say, args=("from a thread",))
    thread.start()
    thread.join()
print("done")
"""


STARTS: Final = """
import asyncio
import structlog
import uvloop
from shared.logging import configure

configure("gateway", None)
structlog.stdlib.get_logger().warning("said")
print("printed")
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(asyncio.sleep(0))
"""


def said(stderr: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=clean_environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=True,
    )


def test_each_line_is_json_whatever_it_says() -> None:
    lines = [json.loads(line) for line in said(subprocess.PIPE).stderr.splitlines()]

    events = ["plain", "odd", "odder", "oddest", "broke", "from a library"]
    assert [line["event"] for line in lines] == events + ["from a thread"] * 2
    assert [line["level"] for line in lines] == ["warning"] * 4 + ["error"] * 4
    assert {line["service"] for line in lines} == {"gateway"}
    assert lines[0]["photo_id"] == 7
    assert lines[1]["number"] == 1 << 70
    assert lines[2]["unwritten"] == ["cycle", "pair", "photo_id"]
    assert lines[3]["unwritten"] == ["digits", "none"]
    assert "ZeroDivisionError" in lines[4]["exception"]


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    full = os.open(Path("/dev/full"), os.O_WRONLY)
    try:
        assert said(full).stdout == "done\n"
    finally:
        os.close(full)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_who_starts_a_service_may_have_closed_its_streams(closed: str) -> None:
    command = ["/bin/sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, STARTS]
    ended = subprocess.run(
        command, env=clean_environment(), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert ("said" in ended.stderr) == ("2>&-" not in closed)
    assert ("printed" in ended.stdout) == (" >&-" not in f" {closed}")
