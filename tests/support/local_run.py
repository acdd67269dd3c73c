"""`make run` without make, in a folder of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.support.processes import PORT_VARIABLES, clean_environment, free_port, wait_until


class LocalRun:
    """`python -m deploy.local.run` on free ports, with its state below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in PORT_VARIABLES}
        self.environment = clean_environment() | {
            PORT_VARIABLES[name]: str(port) for name, port in self.ports.items()
        }
        self._output = folder / "output"

    def start(self) -> Self:
        with self._output.open("wb") as output:
            return self.start_into(output.fileno())

    def start_into(self, output: int) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.run"],
            cwd=self.folder,
            env=self.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def wait_ready(self) -> Self:
        wait_until(
            lambda: "is ready" in self.output or self.process.poll() is not None,
            "the ready line",
            timeout_s=60,
        )
        assert self.process.poll() is None, self.output
        return self

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def ready_lines(self) -> list[str]:
        return re.findall(r"^Tagline is ready.*$", self.output, re.MULTILINE)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)
