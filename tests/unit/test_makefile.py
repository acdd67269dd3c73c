"""What `make` takes for done."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.processes import ROOT


@pytest.mark.parametrize(
    ("noted", "anew"),
    [("{folder}/.venv\n", False), ("/where/it/was/.venv\n", True), ("", False)],
    ids=["in its place", "moved", "not noted"],
)
def test_an_environment_that_was_made_elsewhere_is_made_anew(
    tmp_path: Path, noted: str, anew: bool  # noqa: FBT001
) -> None:  # fmt: skip
    folder = tmp_path / "tag line"
    made = folder / ".venv" / ".made"
    made.parent.mkdir(parents=True)
    made.write_text(noted.format(folder=folder.resolve()))
    shutil.copy(ROOT / "Makefile", folder)

    command = ["make", "--dry-run", ".venv/.made"]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)

    assert ("Making .venv" in told.stdout) is anew
