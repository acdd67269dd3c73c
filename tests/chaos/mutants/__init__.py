"""Faults put into our own code, to see that the proof would find them.

Each patch of this folder breaks one promise in one way; its first line says how. Applied to a copy
of the tree, a fault run on it must end with a broken promise.
"""

from __future__ import annotations

from tests.chaos.mutants.run import MUTANTS, Verdict, judge

__all__ = ["MUTANTS", "Verdict", "judge"]
