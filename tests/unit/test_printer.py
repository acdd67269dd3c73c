"""The output of `make run` while nobody reads it."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import ROOT

SAYING = """
import sys
from deploy.local.printer import Printer

printer = Printer(["gateway"])
for number in range(20_000):
    printer.say(f"{number:070}")
print("said", file=sys.stderr, flush=True)
printer.close(within_s=60)
"""


def test_lines_that_find_no_reader_are_counted_and_the_number_is_told() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SAYING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as saying:
        assert saying.stderr is not None
        # Given one that has said all it has to say, though its reader had not begun
        assert saying.stderr.readline() == b"said\n"

        out, _ = saying.communicate(timeout=60)

    *lines, last = out.splitlines()
    assert lines == [b"%070d" % number for number in range(len(lines))]
    assert last == b"%d lines found no reader" % (20_000 - len(lines))
    assert len(lines) >= 10_000
