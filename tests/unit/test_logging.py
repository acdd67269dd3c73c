"""Lines of the log: written whatever is in them, and no concern of who writes them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.support.processes import ROOT, clean_environment

PROGRAM: Final = """
import logging
import structlog
from shared.logging import configure

configure("gateway", "json", "warning")
logger = structlog.stdlib.get_logger()
logger.info("not_said")
logger.warning("plain", photo_id=7)
logger.warning("odd", path="\\udc80", number=1 << 70, other={1})
try:
    1 / 0
except ZeroDivisionError:
    logger.exception("broke")
logging.getLogger("asyncio").error("from a %s", "library")
print("done")
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

    assert [line["event"] for line in lines] == ["plain", "odd", "broke", "from a library"]
    assert [line["level"] for line in lines] == ["warning", "warning", "error", "error"]
    assert {line["service"] for line in lines} == {"gateway"}
    assert lines[0]["photo_id"] == 7
    assert lines[1]["number"] == 1 << 70
    assert "ZeroDivisionError" in lines[2]["exception"]


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    full = os.open(Path("/dev/full"), os.O_WRONLY)
    try:
        assert said(full).stdout == "done\n"
    finally:
        os.close(full)
