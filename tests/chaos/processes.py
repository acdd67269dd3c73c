"""Producers and consumers as processes: started, watched, started again, each with a journal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.local.tied import tied
from tests.chaos import journal
from tests.chaos.check import Fault
from tests.support.processes import ROOT, clean_environment

END_TIMEOUT_S = 20.0


class Slot:
    """One process at a time; when it has ended another one takes its place.

    `arguments` are those of its program, after URL and journal.
    """

    def __init__(self, name: str, url: str, folder: Path, arguments: list[str]) -> None:
        self.name = name
        self.folder = folder
        self.arguments = arguments
        self.stopped_ns = 0
        self._url = url
        self._number = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> str:
        """The name of the present process: that of its journal."""
        return f"{self.name}.{self._number}"

    def start(self) -> None:
        self._number += 1
        self.stopped_ns = 0
        path = journal.path_of(self.folder, self.process)
        module = f"tests.chaos.{self.name.split('-')[0]}"
        command = [sys.executable, "-m", module, self._url, str(path), *self.arguments]
        self._process = subprocess.Popen(tied(command), cwd=ROOT, env=clean_environment())

    @property
    def begun(self) -> bool:
        """Whether it has come so far as to know what SIGTERM means."""
        return journal.path_of(self.folder, self.process).exists()

    def ended(self) -> int | None:
        """Return its exit code, None while it runs; the negated number of a signal."""
        assert self._process is not None
        return self._process.poll()

    def kill(self) -> Fault:
        """End it as a crash would, and return when it is gone."""
        assert self._process is not None
        now_ns = time.monotonic_ns()
        self._process.kill()
        self._process.wait()
        return Fault("killed", self.process, now_ns, now_ns)

    def stop(self) -> None:
        """Have it stand still."""
        self.stopped_ns = time.monotonic_ns()
        self.signal(signal.SIGSTOP)

    def go_on(self) -> Fault:
        """Have it go on after `stop`."""
        self.signal(signal.SIGCONT)
        fault = Fault("stopped", self.process, self.stopped_ns, time.monotonic_ns())
        self.stopped_ns = 0
        return fault

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> int:
        """Ask it to end and return its exit code: that of SIGKILL where it did not end."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return self.close()

    def close(self) -> int:
        """Kill it if it still runs."""
        assert self._process is not None
        self._process.kill()
        return self._process.wait()
