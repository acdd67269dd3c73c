"""Which tags the names are that providers give: most are the same names again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from services.tagger.metrics import NAME_LOOKUPS
from shared.ending import Lead
from shared.names import identity
from shared.tags import Tags

MOST: Final = 8_192
"""How many tags are at hand; 4 MB."""

Names = Mapping[str, str]
"""A tag's names by locale."""


class Naming:
    """The ids of tags, each asked for once. Raises `UnavailableError`.

    Names may lead elsewhere meanwhile, and a server may come anew: who writes ids has to look
    whether they are right, and to `forget` what is at hand if they are not.
    """

    def __init__(self, tags: Tags, *, most: int = MOST) -> None:
        self._tags = tags
        self._most = most
        self._known: dict[tuple[str, ...], Lead] = {}

    async def leads(self, tags: Sequence[Names], *, locale: str) -> list[Lead]:
        """Return what each tag's name in `locale` leads to."""
        keys = [(locale, *(part for pair in names.items() for part in pair)) for names in tags]
        known = all(key in self._known for key in keys)
        NAME_LOOKUPS.labels(result="hit" if known else "miss").inc()
        if not known:
            ids = await self._tags.name(tags, locale=locale)
            if len(self._known) > self._most - len(tags):
                self.forget()
            for key, names, tag_id in zip(keys, tags, ids, strict=True):
                other = next((each for each in names if each != locale), "")
                self._known[key] = Lead(identity(names[locale], locale), tag_id, other)
        return [self._known[key] for key in keys]

    def forget(self) -> None:
        """Ask for all ids anew."""
        self._known.clear()
