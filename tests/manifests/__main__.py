"""`make manifests`: renders what is in deploy/kubernetes and holds it to its rules; 1: broken.

`ARGS=--write`: first makes the copies anew that it has of what lies beside it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import structlog

from tests.manifests import (
    copies,
    hardening,
    images,
    reach,
    references,
    restricted,
    routes,
    settings,
    times,
)
from tests.manifests.combinations import all_renders, unused
from tests.manifests.manifests import Manifests, Mutant, Object, Rule
from tests.manifests.mutants import MUTANTS
from tests.manifests.mutants.schemas import BAD_OBJECTS
from tests.manifests.rendering import ENVIRONMENT, FOLDER, NotRenderedError

VERSIONS: Final = ("1.29", "1.34", "1.37")
"""Of Kubernetes: the oldest that we look at, one between, the newest."""

RULES: Final[tuple[Rule, ...]] = (
    *restricted.RULES,
    *hardening.RULES,
    *references.RULES,
    *settings.RULES,
    *routes.RULES,
    *times.RULES,
    *images.RULES,
    *reach.RULES,
)


def main() -> int:
    started = time.monotonic()
    # Services that are built for their routes alone find no Redis, and would say so.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if "--write" in sys.argv[1:]:
        copies.write()
    try:
        renders = all_renders()
    except NotRenderedError as error:
        print(error, file=sys.stderr)
        return 1
    problems = [
        *copies.drifted(),
        *images.mistyped(FOLDER),
        *(f"{each}: is in no combination" for each in unused()),
        *_broken_rules(renders),
        *_bad_by_schema(renders),
        *_survivors(renders),
    ]
    for each in dict.fromkeys(problems):
        print(each, file=sys.stderr)
    objects = sum(len(each.objects) for each in renders)
    mutants = len(MUTANTS) + len(BAD_OBJECTS)
    print(
        f"{len(renders)} renders, {objects} objects; schemas of Kubernetes {', '.join(VERSIONS)}; "
        f"{len(RULES)} rules, {mutants} mutants; {len(set(problems))} problems; "
        f"{time.monotonic() - started:.0f} s"
    )
    return bool(problems)


def _broken_rules(renders: list[Manifests]) -> Iterator[str]:
    for manifests in renders:
        for rule in RULES:
            for why in rule(manifests):
                yield f"{manifests.name}: {why} ({rule.__name__})"


def _bad_by_schema(renders: list[Manifests]) -> Iterator[str]:
    # Most objects are in several renders.
    texts = {
        json.dumps(each, sort_keys=True): each
        for manifests in renders
        for each in manifests.objects
    }
    bad = [each.made(renders) for each in BAD_OBJECTS]
    for number, one in enumerate(bad):
        one["metadata"]["name"] = f"bad-{number}"
    told = _told_by_schemas([*texts.values(), *bad])
    for number, each in enumerate(BAD_OBJECTS):
        refusing = [line for line in told if f"/bad-{number}: " in line]
        if len(refusing) != len(VERSIONS):
            yield f"schemas let through: {each}"
    yield from (line for line in told if "/bad-" not in line)


def _told_by_schemas(objects: list[Object]) -> list[str]:
    """Return a line for each object and version that does not know it."""
    done = subprocess.run(
        [ENVIRONMENT / "python", Path(__file__).with_name("schemas.py"), *VERSIONS],
        input=json.dumps(objects),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def _survivors(renders: list[Manifests]) -> Iterator[str]:
    """Yield the mutants that their rule lets through, and the rules that no mutant proves."""
    for mutant in MUTANTS:
        if not any(_refused(mutant, each) for each in renders):
            yield f"{mutant.rule.__name__} lets through: {mutant.what}"
    proved = {mutant.rule for mutant in MUTANTS}
    yield from (f"{rule.__name__}: no mutant proves it" for rule in RULES if rule not in proved)


def _refused(mutant: Mutant, manifests: Manifests) -> bool:
    if manifests.name != mutant.of:
        return False
    changed = manifests.copied()
    mutant.change(changed)
    return any(mutant.rule(changed))


if __name__ == "__main__":
    sys.exit(main())
