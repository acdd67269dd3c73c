"""Runs the proof on a copy of the tree with a fault in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.local.tied import tied
from tests.support.processes import ROOT, clean_environment

FOLDER: Final = Path(__file__).parent
COPIED: Final = ("cli", "deploy", "services", "shared", "tests", "pyproject.toml")
TIMEOUT_S: Final = 900.0
MOST_TRIES: Final = 3
"""A fault that strikes between two moments may be missed: so many runs, each by the next seed."""

SYSTEM: Final = ("-m", "tests.chaos", "--only", "system", "--short", "--seed")


@dataclass(frozen=True)
class Proof:
    """What is run: arguments for Python, and an environment besides the usual."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


OUTAGES: Final = Proof(
    (
        "-m", "pytest", "-q",
        "tests/integration/test_broker_outages.py",
        "tests/integration/test_broker_lost_replies.py",
    )
)  # fmt: skip
OTHERWISE: Final = {
    # The system has done all the same what was only late: its leases lapse, and others do it.
    "no-own-pending-read": OUTAGES,
    "swallowed-ack-error": OUTAGES,
    # What waits for who does not read is not in the system's run: nobody there is so slow. And
    # it takes more than a test's few megabytes to see that nothing bounds it.
    "unbounded-outbox": Proof(
        ("-m", "pytest", "-q", "tests/integration/test_slow_readers.py", "-k", "websocket"),
        {"TAGLINE_TEST_SLOW_READERS": "20", "TAGLINE_TEST_SLOW_MEGABYTES": "20"},
    ),
}


@dataclass(frozen=True)
class Mutant:
    """One fault. `why`: what is wrong then."""

    name: str
    why: str
    patch: Path

    def apply(self, tree: Path, *, only_check: bool = False) -> None:
        """Put the fault into the sources below `tree`. Raises `CalledProcessError`."""
        command = ["git", "apply", *(["--check"] if only_check else []), str(self.patch)]
        subprocess.run(command, cwd=tree, check=True, capture_output=True)


@dataclass(frozen=True)
class Verdict:
    """What the proof said of a mutant: the promises it found broken, in how many tries."""

    mutant: Mutant
    broken: tuple[str, ...]
    tries: int
    output: str

    def __str__(self) -> str:
        word = "caught" if self.broken else "MISSED"
        found = "; ".join(self.broken) or "every promise held"
        return f"{word:8}{self.mutant.name} (run {self.tries}): {found}"


def _mutants() -> tuple[Mutant, ...]:
    return tuple(
        Mutant(patch.stem, patch.read_text().partition("\n")[0], patch)
        for patch in sorted(FOLDER.glob("*.patch"))
    )


MUTANTS: Final = _mutants()


def judge(mutant: Mutant, seed: int) -> Verdict:
    """Run the proof on `mutant`, again if it found nothing."""
    with tempfile.TemporaryDirectory(prefix="tagline-mutant-") as folder:
        tree = Path(folder)
        _copy(tree)
        mutant.apply(tree)
        broken: tuple[str, ...] = ()
        output, tries = "", 0
        while not broken and tries < MOST_TRIES:
            broken, output = _prove(mutant, tree, seed + tries)
            tries += 1
    return Verdict(mutant, broken, tries, output)


def _copy(tree: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)


def _prove(mutant: Mutant, tree: Path, seed: int) -> tuple[tuple[str, ...], str]:
    """Return the promises that one run found broken, and all that it said."""
    proof = OTHERWISE.get(mutant.name) or Proof((*SYSTEM, str(seed)))
    environment = {**clean_environment(), **proof.environment, "PYTHONPATH": str(tree)}
    ran = subprocess.run(
        tied([sys.executable, *proof.arguments]),
        cwd=tree,
        env=environment,
        timeout=TIMEOUT_S,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    found = re.findall(r"^BROKEN +([^:\n]+)|^FAILED \S+::(\w+)", ran.stdout, re.MULTILINE)
    return tuple("".join(each) for each in found), ran.stdout
