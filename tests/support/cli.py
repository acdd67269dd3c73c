"""The command line, as a user runs it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.support.processes import ROOT


async def run_cli(
    *arguments: str | Path, encoding: str = "utf-8", stdout: int = asyncio.subprocess.PIPE
) -> tuple[int | None, str, str]:
    """Return the exit code of `python -m cli ARGUMENTS`, and what it printed on both streams."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *arguments, cwd=ROOT,
        env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": encoding},
        stdout=stdout, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, (out or b"").decode(), err.decode()
