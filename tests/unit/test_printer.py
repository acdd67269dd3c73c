"""The output of `make run` while nobody reads it."""

from __future__ import annotations

import re
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

    missed = rb"(\d+) lines found no reader"
    said = out.splitlines()
    numbers = [int(line) for line in said if line.isdigit()]
    counts = [int(count[1]) for line in said if (count := re.fullmatch(missed, line))]
    # In their order, each once or counted
    assert len(numbers) + len(counts) == len(said)
    assert numbers == sorted(set(numbers))
    assert len(numbers) + sum(counts) == 20_000
    assert len(numbers) >= 10_000
    assert counts
