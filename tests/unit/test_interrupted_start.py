"""Ctrl-C while a program is only being imported."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, clean_environment


@pytest.mark.parametrize(
    "program",
    ["services.gateway", "services.notifier", "services.tagger", "deploy.local.run", "cli"],
)
def test_it_ends_without_a_word(tmp_path: Path, program: str) -> None:
    # Given libraries that are interrupted as they are imported
    for library in ("aiohttp", "rich", "structlog", "uvloop"):
        (tmp_path / f"{library}.py").write_text("import signal; signal.raise_signal(signal.SIGINT)")
    path = os.pathsep.join((str(tmp_path), str(ROOT)))

    ran = subprocess.run(
        [sys.executable, "-m", program],
        cwd=tmp_path,
        env={**clean_environment(), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (-signal.SIGINT, "", "")
