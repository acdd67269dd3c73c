"""What galleries use most, so that a provider can be asked to prefer it."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from typing import Final

from shared.tags import Tags

MOST: Final = 50
"""How many of a gallery's tags are preferred."""

KEPT_S: Final = 60.0
"""How long they are known without asking: no photo waits for Redis because of them."""

MOST_GALLERIES: Final = 1_000
"""How many galleries are known so, the last that were asked for; 5 KB each at most."""

_PLAIN: Final = re.compile(r"(?=.{1,32}$)[\w'-]+( [\w'-]+){0,3}")
"""Names that go into a question: of at most four words, so that none is an instruction. A tag by
hand may say anything, and this is where a model reads it."""


class Favourites:
    """The tags that each owner's photos carry most, as they were `kept_s` ago at most."""

    def __init__(self, tags: Tags, *, kept_s: float = KEPT_S) -> None:
        self._tags = tags
        self._kept_s = kept_s
        self._found: OrderedDict[tuple[str, str], tuple[float, tuple[str, ...]]] = OrderedDict()

    async def of(self, owner: str, *, locale: str) -> tuple[str, ...]:
        """Return names in `locale`, most used first. Raises `UnavailableError`."""
        gallery = owner, locale
        found_s, names = self._found.get(gallery, (-self._kept_s, ()))
        now_s = time.monotonic()
        if now_s - found_s < self._kept_s:
            return names
        used = await self._tags.favourites(owner, limit=MOST, locale=locale)
        names = tuple(name for name in used if _PLAIN.fullmatch(name))
        self._found[gallery] = now_s, names
        self._found.move_to_end(gallery)
        if len(self._found) > MOST_GALLERIES:
            self._found.popitem(last=False)
        return names
