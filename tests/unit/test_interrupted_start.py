"""A signal while a program is only being imported."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.needs import missing
from tests.support.processes import ROOT, clean_environment

SERVICES = ["services.gateway", "services.notifier", "services.tagger"]


@pytest.mark.parametrize("program", [*SERVICES, "deploy.local.tied", "deploy.local.run", "cli"])
def test_ctrl_c_ends_it_without_a_word(tmp_path: Path, program: str) -> None:
    assert ending(tmp_path, program, "SIGINT") == (-signal.SIGINT, "")


@pytest.mark.parametrize("service", SERVICES)
def test_sigterm_ends_a_service_with_0(tmp_path: Path, service: str) -> None:
    assert ending(tmp_path, service, "SIGTERM") == (0, "")


@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 0), ("SIGINT", 130)])
def test_so_it_does_as_the_first_process_of_a_container(
    tmp_path: Path, number: str, code: int
) -> None:
    first = ("unshare", "--pid", "--fork")
    if shutil.which("unshare") is None or subprocess.call([*first, "true"]):
        missing("only Linux has namespaces of processes, and not for everybody")

    assert ending(tmp_path, "services.gateway", number, *first) == (code, "")


def ending(folder: Path, program: str, number: str, *through: str) -> tuple[int, str]:
    """Exit code and output of a program that imports what sends it that signal."""
    for library in ("aiohttp", "ctypes", "rich", "structlog", "uvloop"):
        (folder / f"{library}.py").write_text(
            f"import signal; signal.raise_signal(signal.{number})"
        )
    path = os.pathsep.join((str(folder), str(ROOT)))
    ran = subprocess.run(
        [*through, sys.executable, "-m", program],
        cwd=folder,
        env={**clean_environment(), "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return ran.returncode, ran.stdout
