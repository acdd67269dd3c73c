from __future__ import annotations

import pytest

from tests.chaos.mutants.run import MUTANTS, Mutant
from tests.support.processes import ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_still_fits_the_code_that_it_breaks(mutant: Mutant) -> None:
    mutant.apply(ROOT, only_check=True)

    assert mutant.why.endswith(".")


def test_there_are_mutants() -> None:
    assert len(MUTANTS) >= 11
