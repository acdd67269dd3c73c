"""Manifests made wrong, in at least one way for each rule, so that each is known to be held."""

from __future__ import annotations

from typing import Final

from tests.manifests.manifests import Mutant

from . import hardening, reach, references, restricted, routes, settings

MUTANTS: Final[tuple[Mutant, ...]] = (
    *restricted.MUTANTS,
    *hardening.MUTANTS,
    *references.MUTANTS,
    *settings.MUTANTS,
    *routes.MUTANTS,
    *reach.MUTANTS,
)
