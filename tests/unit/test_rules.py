"""The file of a vocabulary: what it may say, and what is said of a bad one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.tagger.rules import MOST_WORDS, Rules, read_rules
from services.tagger.settings import TaggerSettings
from shared.settings import load

DOCS = Path(__file__).parents[2] / "docs" / "vocabulary.md"


def read(folder: Path, text: str) -> Rules:
    path = folder / "vocabulary.toml"
    path.write_text(text, encoding="utf-8")
    return read_rules(path)


def test_an_empty_file_lets_everything_be(tmp_path: Path) -> None:
    rules = read(tmp_path, "")

    assert (rules.closed, rules.prefer_gallery, rules.words) == (False, False, ())
    assert not any(rules.stop.values())
    assert not any(rules.synonyms.values())


def test_a_name_without_a_language_is_one_in_both(tmp_path: Path) -> None:
    rules = read(tmp_path, 'stop = ["Images"]\n[synonyms]\nSelfies = "Portrait"\n')

    assert rules.stop == {"fr": {"image"}, "en": {"image"}}
    assert rules.synonyms == {each: {"selfie": "portrait"} for each in ("fr", "en")}


def test_names_may_be_by_language(tmp_path: Path) -> None:
    rules = read(
        tmp_path,
        'words = ["Chat", { fr = "Élans", en = "moose" }]\n'
        'stop = { en = ["picture"] }\n'
        '[synonyms.fr]\nminou = "matou"\nmatou = "chat"\nchats = "chat"\n',
    )

    assert rules.words == ("chat", {"fr": "élans", "en": "moose"})
    assert rules.stop == {"en": {"picture"}}
    assert rules.synonyms["fr"] == {"minou": "chat", "matou": "chat", "chat": "chat"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("closed = yes", "must be TOML: Invalid value (at line 1, column 10)"),
        ("wrods = []", "'wrods' is no key of a vocabulary: there are closed, prefer_gallery, "),
        ("closed = 1", "closed must be true or false"),
        ('prefer_gallery = "true"', "prefer_gallery must be true or false"),
        ("closed = true", 'closed = true wants a list of words, such as words = ["cat", "dog"]'),
        ('words = "cat"', "words must be a list, such as"),
        ('words = ["cat", ""]', "words, number 2, must be a name of 1 to 64 characters"),
        ('words = ["cat", 7]', "words, number 2, must be a name of 1 to 64 characters"),
        ('words = [{ de = "Katze" }]', "words, number 1, must be by language, fr or en, such as"),
        ("words = [{}]", "words, number 1, must be by language, fr or en, such as"),
        (f"words = {['w'] * 501}", f"words may be {MOST_WORDS} at most, not 501"),
        (f'stop = ["{"x" * 65}"]', "stop, number 1, must be a name of 1 to 64 characters"),
        ('stop = { de = ["Bild"] }', "stop must be a list, or lists by language, such as"),
        ('stop = "picture"', "stop must be a list, or lists by language, such as"),
        ("synonyms = []", "synonyms must be a table: [synonyms], and"),
        ('[synonyms]\nkitten = ["cat"]', "synonyms, of 'kitten', must be a name of 1 to 64"),
        ('[synonyms.de]\na = "b"', "synonyms.de must be a name, such as"),
        ('[synonyms]\na = "b"\nb = "c"\nc = "a"', "synonyms of 'a' lead back to it"),
    ],
)
def test_a_bad_file_is_one_line_that_says_what_would_be_right(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as raised:
        read(tmp_path, text)

    line = str(raised.value)
    assert line.startswith(str(tmp_path / "vocabulary.toml"))
    assert "\n" not in line


def test_a_file_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.toml cannot be read: No such file"):
        read_rules(tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b'words = ["\xe9lan"]')
    with pytest.raises(ValueError, match=r"latin\.toml must be text in UTF-8"):
        read_rules(tmp_path / "latin.toml")


def test_a_tagger_with_a_bad_file_says_so_and_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "v.toml"
    path.write_text("closed = 1")
    monkeypatch.setenv("TAGLINE_VOCABULARY", str(path))

    with pytest.raises(SystemExit) as exited:
        load(TaggerSettings)
    assert exited.value.code == 2
    told = capsys.readouterr().err
    assert told == f"TAGLINE_VOCABULARY: {path}: closed must be true or false\n"


def test_a_good_file_is_read_with_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "v.toml").write_text('words = ["cat"]')
    monkeypatch.setenv("TAGLINE_VOCABULARY", str(tmp_path / "v.toml"))

    assert load(TaggerSettings).vocabulary.words == ("cat",)


def test_the_example_of_the_documentation_is_one(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    rules = read(tmp_path, example)

    assert rules.words
    assert rules.stop["en"]
    assert rules.synonyms["fr"]
