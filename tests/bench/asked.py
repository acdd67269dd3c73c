"""A process of the benchmark that is asked, and answers, by lines of JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Self

from tests.support.processes import ROOT, clean_environment


class Asked:
    """`python -m MODULE ARGUMENTS…`: a context manager, at whose end it is killed."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT, env=clean_environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, question: object) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self.said()

    def said(self) -> dict[str, Any]:
        """Return what it says next."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, f"{self._module} has ended"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
