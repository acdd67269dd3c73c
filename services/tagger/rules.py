"""The rules for a gallery's words, as the file of `TAGLINE_VOCABULARY` says them.

closed = true
prefer_gallery = true
words = ["cat", { fr = "chien", en = "dog" }]
stop = { fr = ["image"], en = ["picture"] }

[synonyms.en]
kitten = "cat"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from shared.messages import LOCALES
from shared.names import NAME_CHARS, cleaned, identity

Names = Mapping[str, str]
"""A word's names by locale, one at least."""

MOST_WORDS: Final = 500
"""A provider reads all of them with each photo."""

_KEYS: Final = ("closed", "prefer_gallery", "words", "stop", "synonyms")
_LANGUAGES: Final = " or ".join(LOCALES)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a vocabulary is made of; `Rules()` lets everything be.

    `words`: a text stands for whatever it means, in either language. `stop` and `synonyms`, by
    locale: the identities of names that are not wanted, and the names that others stand for.
    """

    closed: bool = False
    prefer_gallery: bool = False
    words: tuple[str | Names, ...] = ()
    stop: Mapping[str, frozenset[str]] = field(default_factory=dict)
    synonyms: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_rules(path: Path) -> Rules:
    """Read a file of rules. Raises `ValueError`: which file, what is wrong, what would be right."""
    try:
        return _rules(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} must be text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} must be TOML: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _rules(table: Mapping[str, Any]) -> Rules:
    for key in table:
        _expect(key in _KEYS, f"{key!r} is no key of a vocabulary: there are {', '.join(_KEYS)}")
    rules = Rules(
        closed=_flag(table, "closed"),
        prefer_gallery=_flag(table, "prefer_gallery"),
        words=tuple(_words(table.get("words", []))),
        stop=_stop(table.get("stop", [])),
        synonyms=_synonyms(table.get("synonyms", {})),
    )
    _expect(
        bool(rules.words) or not rules.closed,
        'closed = true wants a list of words, such as words = ["cat", "dog"]',
    )
    return rules


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    _expect(isinstance(value, bool), f"{key} must be true or false")
    return bool(value)


def _words(value: Any) -> Iterator[str | Names]:
    _expect(
        isinstance(value, list),
        'words must be a list, such as ["cat", { fr = "chien", en = "dog" }]',
    )
    _expect(len(value) <= MOST_WORDS, f"words may be {MOST_WORDS} at most, not {len(value)}")
    for number, word in enumerate(value, 1):
        where = f"words, number {number},"
        if not isinstance(word, dict):
            yield _name(word, where)
            continue
        ours = bool(word) and set(word) <= set(LOCALES)
        _expect(ours, f'{where} must be by language, {_LANGUAGES}, such as {{ en = "dog" }}')
        yield {locale: _name(word[locale], where) for locale in LOCALES if locale in word}


def _stop(value: Any) -> dict[str, frozenset[str]]:
    by_locale = value if isinstance(value, dict) else dict.fromkeys(LOCALES, value)
    found = {}
    for locale, names in by_locale.items():
        _expect(
            locale in LOCALES and isinstance(names, list),
            'stop must be a list, or lists by language, such as { en = ["picture"] }',
        )
        found[locale] = frozenset(
            identity(_name(name, f"stop, number {number},"), locale)
            for number, name in enumerate(names, 1)
        )
    return found


def _synonyms(value: Any) -> dict[str, dict[str, str]]:
    _expect(isinstance(value, dict), 'synonyms must be a table: [synonyms], and kitten = "cat"')
    found: dict[str, dict[str, str]] = {locale: {} for locale in LOCALES}
    for key, target in value.items():
        by_language = isinstance(target, dict)
        _expect(
            not by_language or key in LOCALES,
            f'synonyms.{key} must be a name, such as "cat", or [synonyms.{key}] a language, '
            f"{_LANGUAGES}",
        )
        for locale in [key] if by_language else LOCALES:
            for name, other in target.items() if by_language else [(key, target)]:
                own = identity(_name(name, "synonyms: what stands for another"), locale)
                found[locale][own] = _name(other, f"synonyms, of {name!r},")
    return {locale: _ended(others, locale) for locale, others in found.items()}


def _ended(others: Mapping[str, str], locale: str) -> dict[str, str]:
    """Return what each name stands for in the end, where one leads to the next."""
    found = {}
    for own, name in others.items():
        seen, each, last = {own}, own, name
        # One that stands for itself says how it is to be spelt.
        while (next_ := identity(last, locale)) != each and next_ in others:
            _expect(
                next_ not in seen, f"synonyms of {own!r} lead back to it: leave one of them out"
            )
            seen.add(next_)
            each, last = next_, others[next_]
        found[own] = last
    return found


def _name(value: Any, where: str) -> str:
    fits = isinstance(value, str) and len(value) <= NAME_CHARS and bool(cleaned(value))
    _expect(fits, f"{where} must be a name of 1 to {NAME_CHARS} characters")
    return cleaned(value)


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001
    if not holds:
        raise ValueError(what)
