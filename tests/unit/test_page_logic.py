"""The pure parts of the page, tested where they run: by Vitest, on the Node that we bring."""

from __future__ import annotations

import subprocess

from tests.support.processes import ROOT
from tests.support.web_client import NODE


def test_the_pages_own_tests_pass() -> None:
    vitest = ROOT / "web" / "node_modules" / "vitest" / "vitest.mjs"
    ran = subprocess.run(
        [NODE, vitest, "run", "--reporter=dot"],
        cwd=ROOT / "web",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
