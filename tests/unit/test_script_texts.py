"""A script is sent with what it uses of the library, and with nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import shared.scripts
from shared.scripts import text_of

LUA = Path(shared.scripts.__file__).parent / "lua"
NAMES = sorted(path.stem for path in LUA.glob("*.lua"))
DEFINED = re.compile(r"^local (?:function )?(\w+)", re.MULTILINE)
LIBRARY = [name for path in LUA.glob("lib/*.lua") for name in DEFINED.findall(path.read_text())]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_script_uses_of_the_library_stands_before_it_and_nothing_else(name: str) -> None:
    text = text_of(name)

    for word in LIBRARY:
        places = [each.start() for each in re.finditer(rf"\b{word}\b", text)]
        if places:
            definition = re.search(rf"^local (?:function )?{word}\b", text, re.MULTILINE)
            assert definition, f"{name} uses {word} and does not bring it"
            assert definition.start() < places[0] < definition.end(), f"{word} comes too late"
            assert len(places) > 1, f"{name} brings {word} and does not use it"


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_whole_and_begins_with_its_flags(name: str) -> None:
    written = re.sub(r"--.*", "", (LUA / f"{name}.lua").read_text()).split()
    flags = written[:2] if written[0].startswith("#!") else []

    sent = text_of(name).split()

    assert sent[: len(flags)] == flags
    assert sent[len(sent) - len(written) + len(flags) :] == written[len(flags) :]


def test_the_library_has_no_name_twice() -> None:
    assert len(set(LIBRARY)) == len(LIBRARY) > 30
