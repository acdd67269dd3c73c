"""Which names are the same tag, and which are not."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.tagger.providers.labels import TABLE
from shared.names import NAME_CHARS, cleaned, folded, identity

TEXTS = st.text(max_size=80) | st.text("aàâeéèêsuxœ\u0131İß'\u2019- \u0301\u0327", max_size=12)
SAMPLES = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("  Chat \t noir\n", "chat noir"),
        ("CHA\u0302TEAU", "château"),
        ("ÉLÉPHANT", "éléphant"),
        ("cat\x00\u202e<b>", "cat"),
        ("x" * 80, "x" * 64),
        ("\u200b", ""),
    ],
)
def test_a_name_is_kept_as_one_line_in_lower_case_with_its_accents(name: str, kept: str) -> None:
    assert cleaned(name) == kept


@pytest.mark.parametrize(
    ("name", "searched"),
    [
        ("Château-Fort", "chateau fort"),
        ("Œuf à la coque", "oeuf a la coque"),
        ("l\u2019été", "l'ete"),
        ("Straße", "strasse"),
        ("smørrebrød", "smorrebrod"),
        ("й", "и"),
        ("が", "が"),
        ("--", ""),
        ("100 %", "100"),
    ],
)
def test_a_name_is_searched_for_without_accents(name: str, searched: str) -> None:
    assert folded(name) == searched


@pytest.mark.parametrize(
    ("locale", "names"),
    [
        ("fr", "chat Chats CHAT chàts"),
        ("fr", "cheval chevaux"),
        ("fr", "château chateaux Châteaux"),
        ("fr", "poisson-rouge poissons_rouges"),
        ("fr", "œil yeux oeil"),
        ("fr", "travail travaux"),
        ("fr", "marché marchés"),
        ("fr", "clou clous"),
        ("en", "cat cats Cats"),
        ("en", "box boxes"),
        ("en", "pony ponies"),
        ("en", "cookie cookies"),
        ("en", "potato potatoes"),
        ("en", "shoe shoes"),
        ("en", "house houses"),
        ("en", "bus buses"),
        ("en", "cactus cactuses"),
        ("en", "glove gloves"),
        ("en", "wolf wolves"),
        ("en", "t-shirt t-shirts"),
        ("en", "café cafes"),
    ],
)
def test_these_are_one_tag(locale: str, names: str) -> None:
    assert len({identity(name, locale) for name in names.split()}) == 1


@pytest.mark.parametrize(
    ("locale", "names"),
    [
        ("fr", "marche marché"),
        ("fr", "pâte pâté pâtes patte"),
        ("fr", "pêche péché"),
        ("fr", "rose rosé"),
        ("fr", "cour cours"),
        ("fr", "fil fils"),
        ("fr", "mur mûr"),
        ("fr", "lunette lunettes"),
        ("fr", "ours our"),
        ("en", "glass glasses"),
        ("en", "new news"),
        ("en", "wood woods"),
        ("en", "fish fishing"),
        ("en", "universe university"),
        ("en", "princess prince"),
    ],
)
def test_these_are_not(locale: str, names: str) -> None:
    given = names.split()
    assert len({identity(name, locale) for name in given}) == len(given)


@pytest.mark.parametrize(
    ("locale", "names"),
    [
        ("en", "bus tennis chess glasses news canvas 1990s glass"),
        ("fr", "souris ours bois croix noix tapis bras palais"),
    ],
)
def test_what_only_looks_like_a_plural_stays(locale: str, names: str) -> None:
    for name in names.split():
        assert identity(name, locale) == name


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_two_concepts_of_the_local_model_are_taken_for_one(language: str) -> None:
    with TABLE.open(encoding="utf-8") as lines:
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        counts = Counter(identity(row[language], language) for row in rows)

    assert [name for name, count in counts.items() if count > 1] == []


@SAMPLES
@given(TEXTS, st.sampled_from(["fr", "en"]))
@example("İ", "fr")
@example("cat\u0327s", "en")
def test_what_stands_for_a_name_stands_for_itself(name: str, locale: str) -> None:
    for normal in (cleaned, folded, lambda each: identity(each, locale)):
        assert normal(normal(name)) == normal(name)


@SAMPLES
@given(TEXTS, st.sampled_from(["fr", "en"]))
def test_a_name_that_says_something_stands_for_something(name: str, locale: str) -> None:
    assert len(cleaned(name)) <= NAME_CHARS
    assert bool(identity(name, locale)) == bool(folded(name)) == bool(cleaned(name))
