"""Stages by their names: where they are found, and what is said of those that do not do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from services.tagger.settings import TaggerSettings
from services.tagger.stages.choose import choose
from tests.support.processes import ROOT
from tests.support.stages import stage

GOOD = """
from dataclasses import dataclass
from services.tagger.stages.stage import Stage

@dataclass
class Found:
    score: float

STAGE = Stage(
    id="good", share=5, icon="tag", labels={"fr": "Bien", "en": "Good"}, run=lambda work: None
)
"""


def refusal(name: str, folder: Path) -> str:
    with pytest.raises(ValueError, match=r".") as refused:
        choose([name], folder)
    said = str(refused.value)
    assert "\n" not in said
    return said.replace(str(folder), "stages")


def test_stages_are_built_in_or_files_or_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "ours_of_a_test").mkdir()
    (tmp_path / "ours_of_a_test" / "better.py").write_text(GOOD.replace("good", "better"))
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ("analyzing", "good", "ai", "ours_of_a_test.better", "saving")

    found = choose(names, tmp_path)

    assert [each.id for each in found] == ["analyzing", "good", "ai", "better", "saving"]
    assert found[1].message("fr") == "Bien..."


def test_the_setting_is_a_list_of_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TaggerSettings().pipeline == ("analyzing", "ai", "saving")
    monkeypatch.setenv("TAGLINE_PIPELINE", " analyzing, good ,ai,saving,")
    assert TaggerSettings().pipeline == ("analyzing", "good", "ai", "saving")


@pytest.mark.parametrize("name", ["watermrak", "../good", "", "good.py"])
def test_a_name_of_nothing_is_told_with_what_there_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    said = refusal(name, tmp_path)

    assert repr(name) in said or said.startswith(f"{name}: ModuleNotFoundError")
    if "." not in name:
        assert said == (
            f"there is no stage {name!r}: it has to be analyzing, ai, saving, a file of the folder "
            f"stages (TAGLINE_STAGES_DIR), which has good, or a module such as ours.{name}"
        )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "there is no STAGE = Stage(...) in it"),
        ("STAGE = 1", "there is no STAGE = Stage(...) in it"),
        ("import cv_of_nobody", ", line 1: ModuleNotFoundError: No module named 'cv_of_nobody'"),
        ("\nif True\n", ", line 2: SyntaxError: expected ':'"),
        ("raise SystemExit(3)", ", line 1: SystemExit: 3"),
        ("raise OSError('two\\nlines')", ", line 1: OSError: two lines"),
        (GOOD.replace("share=5, ", ""), "missing 1 required positional argument: 'share'"),
        (GOOD.replace("share=5", "share=101"), "share is 101: it has to be a whole number, 1 to"),
        (GOOD.replace(', "en": "Good"', ""), ", line 9: labels have no text for 'en' of at most"),
    ],
)
def test_a_file_that_does_not_do_is_told_in_one_line(code: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text(code)

    assert refusal("good", tmp_path).startswith("stages/good.py")
    assert said in refusal("good", tmp_path)


def test_a_stage_is_called_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(GOOD)

    assert refusal("other", tmp_path) == (
        "stages/other.py: the stage's id is 'good': call it 'other', as its file"
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": "With blanks"}, "id is 'With blanks'"),
        ({"id": "done"}, "id is 'done': that is a word of the events or of the page"),
        ({"share": 0}, "share is 0"),
        ({"share": True}, "share is True"),
        ({"share": 2.5}, "share is 2.5"),
        ({"labels": {"fr": "x", "en": " "}}, "labels have no text for 'en'"),
        ({"labels": None}, "labels have no text for 'fr'"),
        ({"messages": {"en": "x"}}, "messages have no text for 'fr'"),
        ({"icon": "<svg>"}, "icon is '<svg>'"),
        ({"run": None}, "run is no function"),
        ({"timeout_s": 0}, "timeout_s is 0"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"needs": ("pictures",)}, "needs and makes are tuples of picture and recognition"),
        ({"needs": "picture"}, "needs and makes are tuples of picture and recognition"),
    ],
)
def test_a_stage_says_what_is_wrong_with_it(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        stage(fields.pop("id", "odd"), **fields)


def test_the_icons_in_the_docs_are_those_of_the_page() -> None:
    source = (ROOT / "web" / "src" / "design" / "Icon.tsx").read_text()
    table = re.search(r"^const NAMED[^{]*\{(.*?)^\};", source, re.MULTILINE | re.DOTALL)
    docs = (ROOT / "docs" / "stages.md").read_text().partition("**Icons**")[2]

    assert table
    assert re.findall(r"`([a-z-]+)`", docs) == re.findall(
        r'^  "?([a-z-]+)"?:', table[1], re.MULTILINE
    )
