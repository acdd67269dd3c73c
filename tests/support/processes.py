"""Real service processes for tests, and looking at what processes there are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from deploy.local.server import free_port
from deploy.local.tied import tied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "PORT_VARIABLES",
    "ROOT",
    "ServiceProcess",
    "clean_environment",
    "descendants",
    "free_port",
    "is_running",
    "is_stopped",
    "wait_until",
]

ROOT = Path(__file__).resolve().parents[2]
PORT_VARIABLES = {
    "gateway": "TAGLINE_GATEWAY_PORT",
    "notifier": "TAGLINE_NOTIFIER_PORT",
    "tagger": "TAGLINE_TAGGER_PORT",
}
POLL_INTERVAL_S = 0.02
# Python's own, which stay until the interpreter ends.
PYTHONS_OWN = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")


def clean_environment() -> dict[str, str]:
    """The environment without any setting of ours, so that a test does not depend on them.

    Nor on what else the machine does: a tagger is as nice as what tests it, where nothing else is
    said.
    """
    ours = ("TAGLINE_", "OPENAI_", "OTEL_", "REDIS_URL")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TAGLINE_NICE": "0"}


def wait_until(condition: Callable[[], bool], what: str, *, timeout_s: float = 10.0) -> None:
    """Return when `condition` holds; AssertionError naming `what` if it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(POLL_INTERVAL_S)


class ServiceProcess:
    """`python -m services.NAME`, on a free port, with what it says kept for a failure's message.

    A context manager: it is killed at the end for certain. It also dies with the thread that
    starts it (see `deploy.local.tied`), so start it from the main one.
    """

    def __init__(
        self, name: str, environment: Mapping[str, str] | None = None, *, folder: Path = ROOT
    ) -> None:
        """`environment` comes on top of a clean one; `folder` is the working directory."""
        self.name = name
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = dict(environment or {})
        self._environment = {
            **clean_environment(),
            PORT_VARIABLES[name]: str(self.port),
            **self.environment,
        }
        self._folder = folder
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *through: str) -> Self:
        """Start it, or start it again once it has ended. Does not wait until it is ready.

        `through`: another module, and its arguments, that runs the service.
        """
        self._process = subprocess.Popen(
            tied([sys.executable, "-m", *(through or (f"services.{self.name}",))]),
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def wait_ready(self, *, timeout_s: float = 30.0) -> Self:
        """Return when /readyz answers 200; AssertionError with what it said otherwise."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):  # noqa: S310 - http
                    return self
            except urllib.error.HTTPError as error:
                with error:
                    answer = f"{error.code} {error.read().decode(errors='replace')}"
            except OSError as error:
                answer = str(error)
            assert self.returncode is None, f"{self.name} ended: {self.returncode}\n{self.output}"
            assert time.monotonic() < deadline, (
                f"{self.name} is not ready after {timeout_s:g} s: {answer}\n{self.output}"
            )
            time.sleep(POLL_INTERVAL_S)

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; the negated signal's number if a signal ended it."""
        return self._started().poll()

    @property
    def output(self) -> str:
        """All that it has written so far, stdout and stderr together."""
        return self.output_from(0)

    @property
    def output_bytes(self) -> int:
        return os.fstat(self._output.fileno()).st_size

    def output_from(self, start_bytes: int) -> str:
        """What it has written after the first `start_bytes`."""
        most_bytes = self.output_bytes - start_bytes
        return os.pread(self._output.fileno(), most_bytes, start_bytes).decode(errors="replace")

    def terminate(self, *, timeout_s: float = 20.0) -> int:
        """Ask it to drain and end; return its exit code. AssertionError if it does not end."""
        process = self._started()
        process.terminate()
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            message = f"{self.name} runs {timeout_s:g} s after SIGTERM\n{self.output}"
            raise AssertionError(message) from None

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, and wait for nothing."""
        self._started().send_signal(number)

    def kill(self) -> None:
        """End it as a crash would, and return when it is gone."""
        process = self._started()
        process.kill()
        process.wait()

    def close(self) -> None:
        """Kill it and all it has started, if they still run."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._output.close()

    def __enter__(self) -> Self:
        return self if self._process else self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start it first"
        return self._process


def descendants(pid: int) -> dict[int, str]:
    """What runs below `pid`: process ID to command line. Empty where there is no /proc (macOS)."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        state = _stat(folder)
        if state is not None:
            children.setdefault(state[1], []).append(int(folder.name))
    found: dict[int, str] = {}
    below = children.get(pid, [])
    while below:
        found.update({each: _command(each) for each in below if is_running(each)})
        below = [child for each in below for child in children.get(each, [])]
    return {
        each: text for each, text in found.items() if not any(own in text for own in PYTHONS_OWN)
    }


def is_running(pid: int) -> bool:
    """Whether `pid` is there and not just waiting to be collected by its parent."""
    if not Path("/proc/self").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    state = _stat(Path(f"/proc/{pid}"))
    return state is not None and state[0] not in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether `pid` stands still after a SIGSTOP."""
    state = _stat(Path(f"/proc/{pid}"))
    return state is not None and state[0] == "T"


def _stat(folder: Path) -> tuple[str, int] | None:
    """State and parent of a process, None if it has gone."""
    try:
        text = (folder / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name before them stands in parentheses and may contain anything.
    state, parent = text[text.rindex(")") + 2 :].split()[:2]
    return state, int(parent)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
