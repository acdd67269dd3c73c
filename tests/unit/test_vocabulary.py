"""Which of the things that are found become tags, under which name, and what is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from services.tagger.providers.provider import FoundTag, Question
from services.tagger.rules import Rules
from services.tagger.vocabulary import Vocabulary
from shared.record import Record

KNOWN = [
    {"fr": "chat", "en": "cat"},
    {"fr": "chien", "en": "dog"},
    {"fr": "pain", "en": "bread"},
    {"fr": "pêche", "en": "peach"},
]
CAT = {"fr": "chat", "en": "cat"}
KITTEN = {"fr": "chaton", "en": "kitten"}


def vocabulary(
    rules: Rules | None = None, *, max_tags: int = 12, min_confidence: float = 0
) -> Vocabulary:
    return Vocabulary(
        rules or Rules(), known=KNOWN, max_tags=max_tags, min_confidence=min_confidence
    )


def found(*tags: str | Mapping[str, str], confidence: float | None = None) -> list[FoundTag]:
    """Tags of these names; a text is French."""
    return [FoundTag({"fr": tag} if isinstance(tag, str) else tag, confidence) for tag in tags]


def results(
    words: Vocabulary, tags: Sequence[FoundTag], locale: str = "fr", **more: Any
) -> list[tuple[str | None, str]]:
    judged = words.judged(tags, locale=locale, **more)
    return [(each.tag.names.get(locale), each.result) for each in judged]


def test_names_are_normalised_and_keep_their_accents() -> None:
    assert results(vocabulary(), found("  CHÂTEAU \n fort\x00")) == [("château fort", "kept")]


def test_what_has_no_name_in_the_language_of_the_photo_is_no_tag() -> None:
    assert results(vocabulary(), found({"en": "cat"}, "\x00 ")) == [
        (None, "nameless"), (None, "nameless"),
    ]  # fmt: skip


def test_what_is_not_sure_enough_is_dropped_and_what_says_nothing_passes() -> None:
    tags = [FoundTag({"fr": name}, sure) for name, sure in (("a", 0.5), ("b", 0.49), ("c", None))]

    assert results(vocabulary(min_confidence=0.5), tags) == [
        ("a", "kept"), ("b", "threshold"), ("c", "kept"),
    ]  # fmt: skip


def test_of_two_names_of_one_tag_the_surer_is_kept() -> None:
    tags = found("chats", "Chat", "CHÂT", "chaton")

    assert [result for _, result in results(vocabulary(), tags)] == [
        "kept", "merged", "merged", "kept",
    ]  # fmt: skip


def test_at_most_so_many_are_kept_and_those_that_are_dropped_take_no_place() -> None:
    words = vocabulary(Rules(stop={"fr": frozenset({"b"})}), max_tags=2)

    assert results(words, found("a", "b", "a", "c", "d", "a")) == [
        ("a", "kept"), ("b", "stop"), ("a", "merged"), ("c", "kept"), ("d", "too_many"),
        ("a", "merged"),
    ]  # fmt: skip


def test_what_was_given_by_hand_is_not_said_again_and_takes_no_place() -> None:
    words = vocabulary(max_tags=1)

    assert results(words, found("chats", "chien"), given=["Chat", "minou"]) == [
        ("chats", "merged"), ("chien", "kept"),
    ]  # fmt: skip


@pytest.mark.parametrize("locale", ["fr", "en"])
def test_a_synonym_in_either_language_gives_the_names_in_both(locale: str) -> None:
    words = vocabulary(Rules(synonyms={"en": {"kitten": "cat"}}))
    (judged,) = words.judged(found(KITTEN), locale=locale)

    assert judged.tag.names == CAT


def test_a_synonym_without_a_name_in_the_language_of_the_photo_is_left() -> None:
    words = vocabulary(Rules(synonyms={"en": {"kitten": "moggy"}}))

    assert results(words, found(KITTEN)) == [("chaton", "kept")]
    assert results(words, found(KITTEN), "en") == [("moggy", "kept")]


def test_synonyms_are_merged() -> None:
    words = vocabulary(Rules(synonyms={"fr": {"minou": "chat", "chaton": "chat"}}))

    assert results(words, found("Minous", "chat", "chatons")) == [
        ("chat", "kept"), ("chat", "merged"), ("chat", "merged"),
    ]  # fmt: skip


def test_a_synonym_of_one_language_says_nothing_of_the_other() -> None:
    words = vocabulary(Rules(synonyms={"fr": {"pain": "baguette"}}))

    assert results(words, found("pain")) == [("baguette", "kept")]
    assert results(words, found({"en": "pain"}), "en") == [("pain", "kept")]


def test_what_is_not_wanted_is_not_wanted_in_any_language_it_is_named_in() -> None:
    words = vocabulary(Rules(stop={"en": frozenset({"picture"})}))

    assert results(words, found({"fr": "image", "en": "Pictures"}, "picture")) == [
        ("image", "stop"), ("picture", "kept"),
    ]  # fmt: skip


def test_of_a_closed_list_nothing_else_becomes_a_tag() -> None:
    words = vocabulary(Rules(closed=True, words=("cat", {"en": "dog"}, "selfie")))

    assert results(words, found("Chats", "chien", "selfies", "ciel", "cat")) == [
        ("chat", "kept"), ("chien", "kept"), ("selfie", "kept"), ("ciel", "not_in_list"),
        ("cat", "not_in_list"),
    ]  # fmt: skip


def test_a_word_of_the_list_is_spelt_as_there() -> None:
    words = vocabulary(Rules(words=({"fr": "Élan", "en": "moose"},)))
    (judged,) = words.judged(found("elans"), locale="fr")

    assert judged.tag.names == {"fr": "Élan", "en": "moose"}


def test_a_word_is_meant_by_its_name_in_the_language_of_the_photo() -> None:
    words = vocabulary(Rules(closed=True, words=("peach",)))
    fishing = found({"fr": "pêche", "en": "fishing"})

    assert results(words, fishing, "en") == [("fishing", "not_in_list")]


def asked(words: Vocabulary, locale: str = "fr") -> Question:
    return asyncio.run(words.question(Record({"locale": locale, "owner": ""})))


def test_the_words_of_the_list_are_asked_for_in_the_language_of_the_photo() -> None:
    for closed in (False, True):
        words = vocabulary(Rules(closed=closed, words=("cat", {"fr": "élan"}, {"en": "sky"})))

        assert asked(words) == Question("fr", ("chat", "élan"), closed)
        assert asked(words, "en") == Question("en", ("cat", "sky"), closed)


def test_without_rules_nothing_is_asked_for() -> None:
    assert asked(vocabulary()) == Question("fr")


def test_names_that_mean_the_same_are_told() -> None:
    words = vocabulary(Rules(words=("selfie", {"fr": "élan"}, {"fr": "lynx", "en": "bobcat"})))

    assert words.pairs == [
        {"fr": "selfie", "en": "selfie"}, {"fr": "lynx", "en": "bobcat"}, *KNOWN,
    ]  # fmt: skip
