"""What `make` takes for done."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT

# Of the Python that an environment names: one that has all, and one that has been replaced.
WHOLE, REPLACED = "echo and works", "echo No module named pip >&2; exit 1"


@pytest.mark.parametrize(
    ("noted", "python", "anew"),
    [
        ("{folder}/.venv\n", WHOLE, False),
        ("{folder}/.venv\n", REPLACED, True),
        ("{folder}/.venv\n", None, True),
        ("/where/it/was/.venv\n", WHOLE, True),
        ("", REPLACED, False),
    ],
    ids=["in its place", "another Python", "no Python", "moved", "not noted"],
)
def test_an_environment_that_cannot_work_is_made_anew(
    tmp_path: Path, noted: str, python: str | None, anew: bool  # noqa: FBT001
) -> None:  # fmt: skip
    folder = tmp_path / "tag line"
    made = folder / ".venv" / ".made"
    made.parent.mkdir(parents=True)
    made.write_text(noted.format(folder=folder.resolve()))
    if python is not None:
        program = made.parent / "bin" / "python"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{python}\n")
        program.chmod(0o755)
    shutil.copy(ROOT / "Makefile", folder)

    command = ["make", "--dry-run", ".venv/.made"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)

    assert ("Making .venv" in told.stdout) is anew
