"""Code as the documentation shows it, made to run."""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str) -> list[str]:
    """The Python of `docs/<page>`, block by block."""
    return re.findall(
        r"^```python\n(.*?)^```$", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE
    )


@contextmanager
def module(name: str, source: str) -> Iterator[types.ModuleType]:
    """A module of this text, importable by `name` during the block."""
    made = types.ModuleType(name)
    sys.modules[name] = made
    try:
        exec(compile(source, f"<{name}>", "exec"), made.__dict__)  # noqa: S102
        yield made
    finally:
        del sys.modules[name]
