"""podman or Docker, by its command line, which is the same in both."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any, Final

ENGINES: Final = ("podman", "docker")


class EngineError(Exception):
    """The engine ended with an error; the text is what it said."""


class Engine:
    """Runs containers. `command`: the engine; without one, the first of `ENGINES` that is there."""

    def __init__(self, command: str | None = None) -> None:
        found = command or next(filter(shutil.which, ENGINES), None)
        if found is None:
            raise EngineError(f"there is none of {', '.join(ENGINES)}")
        self._command = found

    def call(self, *arguments: str) -> str:
        """Return what `podman ARGUMENTS` prints. Raises `EngineError`."""
        done = self.tried(*arguments)
        if done.returncode:
            raise EngineError(f"{self._command} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def tried(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return how `podman ARGUMENTS` ended."""
        return subprocess.run(
            [self._command, *arguments], capture_output=True, text=True, check=False
        )

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """Return what is known of an image, a container or a volume."""
        (found,) = json.loads(self.call(kind, "inspect", name))
        known: dict[str, Any] = found
        return known
