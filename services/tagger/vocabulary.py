"""The vocabulary of a gallery: which of the things that a provider names become tags, and how."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from services.tagger.favourites import Favourites
from services.tagger.providers.provider import FoundTag, Question
from services.tagger.rules import Names, Rules
from shared.messages import LOCALES
from shared.names import cleaned, identity
from shared.record import Record

Result = Literal["kept", "nameless", "threshold", "stop", "not_in_list", "merged", "too_many"]
"""What becomes of a tag that was found."""

ByName = Mapping[str, Mapping[str, Names]]
"""Names by locale and the identity of the one in it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A tag that was found, as it is to be called, and what becomes of it."""

    tag: FoundTag
    result: Result


class Vocabulary:
    """Rules, applied to what a provider is asked and to what it finds.

    `known`: names that mean the same. `max_tags`: of a photo. `min_confidence`: 0 to 1; a tag that
    tells none passes. `favourites`: None where there are no galleries.
    """

    def __init__(
        self,
        rules: Rules,
        *,
        known: Sequence[Names],
        max_tags: int,
        min_confidence: float,
        favourites: Favourites | None = None,
    ) -> None:
        self._rules = rules
        self._max_tags = max_tags
        self._min_confidence = min_confidence
        self._favourites = favourites if rules.prefer_gallery and not rules.closed else None
        self._known = _by_name(known)
        words = [names for word in rules.words for names in self._meanings(word)]
        self._words = _by_name(words)
        self._asked: dict[str, tuple[str, ...]] = {
            locale: tuple(dict.fromkeys(names[locale] for names in words if locale in names))
            for locale in LOCALES
        }
        self.pairs = [names for names in (*words, *known) if len(names) > 1]
        """Names that mean the same, and are to be one tag each."""

    def lasting(self, locale: str) -> Question:
        """Return what is asked of every photo in that language."""
        return Question(locale, self._asked[locale], self._rules.closed)

    async def question(self, record: Record) -> Question:
        """Return what to ask of a photo. Raises `UnavailableError`."""
        question = self.lasting(record.locale)
        if self._favourites is None:
            return question
        favourites = await self._favourites.of(record.owner, locale=record.locale)
        welcome = self._welcome(favourites, record.locale)
        return replace(question, words=(*question.words, *welcome))

    def judged(
        self, found: Sequence[FoundTag], *, locale: str, given: Collection[str] = ()
    ) -> list[Judged]:
        """Say what becomes of each of `found`, the surest first, on a photo in `locale`.

        `given`: the names of the tags that it carries already, by hand.
        """
        taken = {identity(name, locale) for name in given}
        most = len(taken) + self._max_tags
        judged = []
        for tag in found:
            called = FoundTag(self._names(tag.names, locale), tag.confidence)
            result = self._result(called, locale, taken)
            if result == "kept" and len(taken) >= most:
                result = "too_many"
            elif result == "kept":
                taken.add(identity(called.names[locale], locale))
            judged.append(Judged(called, result))
        return judged

    def _result(self, tag: FoundTag, locale: str, taken: Collection[str]) -> Result:
        names = tag.names
        if locale not in names:
            return "nameless"
        if tag.confidence is not None and tag.confidence < self._min_confidence:
            return "threshold"
        if any(identity(names[each], each) in self._rules.stop.get(each, ()) for each in names):
            return "stop"
        if self._rules.closed and self._word(names, locale) is None:
            return "not_in_list"
        return "merged" if identity(names[locale], locale) in taken else "kept"

    def _names(self, found: Names, locale: str) -> Names:
        """Return what is found under these names as it is to be called."""
        names: dict[str, str] = {
            each: name for each in LOCALES if (name := cleaned(found.get(each, "")))
        }
        for each in sorted(names, key=lambda each: each != locale):
            stood_for = self._rules.synonyms.get(each, {}).get(identity(names[each], each))
            if stood_for is not None:
                whole = self._whole(stood_for, each)
                if locale in whole:
                    return whole
        return {**names, **(self._word(names, locale) or {})}

    def _word(self, names: Names, locale: str) -> Names | None:
        """Return the word of the list that is meant: by its name in the photo's language.

        Only a word that has none there is known by another.
        """
        for each in names:
            word = self._words[each].get(identity(names[each], each))
            if word is not None and (each == locale or locale not in word):
                return word
        return None

    def _meanings(self, word: str | Names) -> Iterator[Names]:
        """Yield the names, in both languages where they are known, of a word of the list."""
        if isinstance(word, str):
            known = [self._known[each].get(identity(word, each)) for each in LOCALES]
            found = [names for names in known if names]
            yield from found or [dict.fromkeys(LOCALES, word)]
        else:
            first = next(iter(word))
            yield {**self._known[first].get(identity(word[first], first), {}), **word}

    def _whole(self, name: str, locale: str) -> Names:
        own = identity(name, locale)
        known = self._words[locale].get(own) or self._known[locale].get(own) or {}
        return {**known, locale: name}

    def _welcome(self, favourites: Sequence[str], locale: str) -> Iterator[str]:
        """Yield those of a gallery's tags that would be kept and are not asked for anyway."""
        for name in favourites:
            own = identity(name, locale)
            others = (self._words[locale], self._rules.synonyms.get(locale, {}))
            if not any(own in each for each in (*others, self._rules.stop.get(locale, ()))):
                yield name


def _by_name(words: Sequence[Names]) -> ByName:
    """Return `words` by their names; of two with the same, the first."""
    found: dict[str, dict[str, Names]] = {locale: {} for locale in LOCALES}
    for names, locale in itertools.product(words, LOCALES):
        if locale in names:
            found[locale].setdefault(identity(names[locale], locale), names)
    return found
