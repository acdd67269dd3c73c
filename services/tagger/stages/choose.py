"""Which stages a tagger runs, by their names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from services.tagger.stages.analyze import ANALYZE
from services.tagger.stages.recognize import RECOGNIZE
from services.tagger.stages.save import SAVE
from services.tagger.stages.stage import Stage

BUILT_IN: Final = {stage.id: stage for stage in (ANALYZE, RECOGNIZE, SAVE)}


def choose(names: Sequence[str], folder: Path) -> tuple[Stage, ...]:
    """Return the stages of these names, in this order.

    A name is one of `BUILT_IN`, a file `<name>.py` of `folder`, or, with a dot in it, a module
    that can be imported; file and module hold a `STAGE`. Raises `ValueError`, in one line, for
    a name that is none of these, or whose code does not do.
    """
    return tuple(_stage(name, folder) for name in names)


def _stage(name: str, folder: Path) -> Stage:
    if name in BUILT_IN:
        return BUILT_IN[name]
    if "." in name:
        return _stage_of(name, lambda: importlib.import_module(name))
    path = folder / f"{name}.py"
    if Path(name).name != name or not path.is_file():
        there = ", ".join(sorted(each.stem for each in folder.glob("*.py"))) or "no stages"
        raise ValueError(
            f"there is no stage {name!r}: it has to be {', '.join(BUILT_IN)}, a file of the folder"
            f" {folder} (TAGLINE_STAGES_DIR), which has {there}, or a module such as ours.{name}"
        )
    stage = _stage_of(str(path), lambda: _loaded(name, path))
    if stage.id != name:
        raise ValueError(f"{path}: the stage's id is {stage.id!r}: call it {name!r}, as its file")
    return stage


def _stage_of(where: str, load: Callable[[], ModuleType]) -> Stage:
    try:
        stage = getattr(load(), "STAGE", None)
    # A module may raise anything, and end the process, too.
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where}{_line(error, where)}: {_said(error)}") from error
    if not isinstance(stage, Stage):
        raise ValueError(f"{where}: there is no STAGE = Stage(...) in it")  # noqa: TRY004
    return stage


def _loaded(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"stage_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickle look their module up here.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _line(error: BaseException, path: str) -> str:
    """Return where in the file it went wrong."""
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == path]
    return f", line {lines[-1]}" if lines else ""


def _said(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    words = " ".join(said.split())
    # What a `Stage` says of itself needs no name of an error before it.
    return words if type(error) is ValueError else f"{type(error).__name__}: {words}"
