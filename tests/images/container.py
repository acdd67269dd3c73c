"""One service in a container, with no more rights than it is promised to need."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from tests.images.engine import Engine, EngineError

READY_WITHIN_S: Final = 60.0
STOPS_WITHIN_S: Final = 30
UID: Final = "10001"

HARDENED: Final = (
    "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--pids-limit=256",
    "--memory=1536m", "--tmpfs=/tmp",
)  # fmt: skip

LOOKS: Final = """
import os, shutil, importlib.util
assert os.getuid() == 10001, os.getuid()
assert not [name for name in ('sh', 'bash', 'apt', 'dpkg', 'gcc', 'pip') if shutil.which(name)]
assert importlib.util.find_spec('pip') is None
for folder in ('/', '/app', '/model', '/var'):
    try:
        open(os.path.join(folder, 'written'), 'w')
    except OSError:
        continue
    raise SystemExit(f'{folder} can be written')
"""
"""Run within: fails if there is more than a service needs."""


class Container:
    """A container of the service `name`. `port`: where it answers on this machine."""

    def __init__(self, engine: Engine, name: str, container: str, port: int) -> None:
        self._engine = engine
        self._container = container
        self.name = name
        self.url = f"http://127.0.0.1:{port}"

    def ready(self) -> float:
        """Wait until it says that it is ready; return how long that took, s."""
        began_s, answer = time.monotonic(), ""
        while time.monotonic() < began_s + READY_WITHIN_S:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2):  # noqa: S310 - http
                    return time.monotonic() - began_s
            except urllib.error.HTTPError as error:
                with error:
                    answer = error.read().decode(errors="replace")
            except OSError as error:
                answer = str(error)
            time.sleep(0.05)
        raise EngineError(f"{self.name} is not ready: {answer}\n{self.output()}")

    def check(self) -> None:
        """Raise `EngineError` if its health check fails, or it could do what it should not."""
        test = self._engine.inspect("container", self._container)["Config"]["Healthcheck"]["Test"]
        if test[0] != "CMD":
            raise EngineError(f"{self.name}: its health check wants a shell: {test}")
        self._engine.call("exec", self._container, *test[1:])
        self._engine.call("exec", self._container, "python", "-c", LOOKS)

    def stop(self) -> tuple[float, int]:
        """Stop it as its runtime would; return how long that took, s, and how it ended."""
        began_s = time.monotonic()
        self._engine.call("stop", f"--time={STOPS_WITHIN_S}", self._container)
        took_s = time.monotonic() - began_s
        state = self._engine.inspect("container", self._container)["State"]
        return took_s, int(state["ExitCode"])

    def output(self) -> str:
        """Return what it has said."""
        done = self._engine.tried("logs", self._container)
        return done.stdout + done.stderr


@contextmanager
def running(
    engine: Engine, name: str, image: str, port: int, volume: str, environment: Mapping[str, str]
) -> Iterator[Container]:
    """A container of the service `name`, on this machine's network, which is removed at the end."""
    told = [f"--env={key}={value}" for key, value in environment.items()]
    started = engine.call(
        "run", "--detach", "--network=host", *HARDENED, *told,
        f"--volume={volume}:/var/lib/tagline/blobs", image,
    )  # fmt: skip
    try:
        yield Container(engine, name, started, port)
    finally:
        engine.tried("rm", "--force", "--volumes", started)
