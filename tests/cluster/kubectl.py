"""Calls kubectl, as whoever tries the manifests would."""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

LOOK_EVERY_S: Final = 0.5


class KubectlError(Exception):
    """kubectl ended with an error; the text is what it said."""


class Kubectl:
    """One namespace of one cluster. `command`: kubectl, and which cluster it is to talk to."""

    def __init__(self, command: str, namespace: str) -> None:
        self._command = shlex.split(command)
        self.namespace = namespace

    async def call(self, *arguments: str, stdin: str | None = None) -> str:
        """Return what `kubectl ARGUMENTS` prints. Raises `KubectlError`."""
        return await asyncio.to_thread(self._call, arguments, stdin)

    async def get(self, *arguments: str) -> dict[str, Any]:
        """Return what is to be had by `kubectl get ARGUMENTS`."""
        found: dict[str, Any] = json.loads(await self.call("get", *arguments, "-o", "json"))
        return found

    async def pods(self, name: str) -> list[dict[str, Any]]:
        """Return the pods of a service that are not about to go."""
        found = await self.get("pods", "-l", f"app.kubernetes.io/name=tagline-{name}")
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    async def rolled_out(self, what: str, *, timeout_s: int = 300) -> None:
        """Wait until a Deployment or StatefulSet is as it should be."""
        await self.call("rollout", "status", what, f"--timeout={timeout_s}s")

    async def run_in(self, pod: dict[str, Any], python: str) -> None:
        """Have a pod's container run a program; whether it ends well does not matter."""
        name = pod["metadata"]["name"]
        arguments = [
            *self._command,
            "-n",
            self.namespace,
            "exec",
            name,
            "--",
            "python",
            "-c",
            python,
        ]
        await asyncio.to_thread(subprocess.run, arguments, capture_output=True, check=False)

    def _call(self, arguments: Sequence[str], stdin: str | None) -> str:
        done = subprocess.run(
            [*self._command, "-n", self.namespace, *arguments],
            input=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout


def is_ready(thing: dict[str, Any]) -> bool:
    """Say whether a pod or a node is ready."""
    conditions = thing["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


async def until(holds: Callable[[], Any], what: str, *, timeout_s: float = 300.0) -> None:
    """Wait until the awaitable that `holds` gives is true. Raises `TimeoutError`."""
    deadline = time.monotonic() + timeout_s
    while not await holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(LOOK_EVERY_S)
