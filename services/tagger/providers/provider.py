"""The contract of a provider: what looks at a photo and names what it sees.

A provider is one file of this folder and one line in `choose.py`. Whoever sent the photo may have
written into it, and a model may obey: what a model says is cleaned before it is given on.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from shared.decoding.picture import Picture


@dataclass(frozen=True, slots=True)
class FoundTag:
    """One thing seen: its name by locale (`fr`, `en`; one at least), and how sure, 0 to 1."""

    names: Mapping[str, str]
    confidence: float | None


MOST_TAGS: Final = 12
"""How many tags a provider names of one photo."""

CAPTION_CHARS: Final = 500
ALT_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a provider says of one photo: at most `MOST_TAGS`, the surest first.

    `caption`: one sentence. `alt`: what a screen reader is to say in the picture's place. Both
    plain text, of at most `CAPTION_CHARS` and `ALT_CHARS`.
    """

    tags: tuple[FoundTag, ...]
    caption: str | None = None
    alt: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What a provider is asked of a photo.

    `locale`: the language of caption and alt text, and one that every tag has a name in, `fr` or
    `en`. `words`: names, in that language, that are to be preferred, or, if `closed`, the only
    ones wanted.
    """

    locale: str
    words: tuple[str, ...] = ()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What calls have used, in the provider's tokens.

    `cached_tokens`: those of the prompt that the provider had read before, and sells for less.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """What a million tokens cost, US dollars.

    `cached_usd`: of a prompt's tokens that the provider had read before; None: as all others.
    """

    input_usd: float
    output_usd: float
    cached_usd: float | None = None

    def of(self, usage: Usage) -> float:
        """Return what `usage` costs, US dollars."""
        return self.nanousd(usage) / 1e9

    def nanousd(self, usage: Usage) -> int:
        """Return what `usage` costs, billionths of a US dollar: what is kept and summed."""
        cached_usd = self.input_usd if self.cached_usd is None else self.cached_usd
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        spent = (
            (usage.prompt_tokens - cached) * self.input_usd
            + cached * cached_usd
            + usage.completion_tokens * self.output_usd
        )
        return round(spent * 1000)


FREE: Final = Price(0.0, 0.0)


@dataclass(slots=True)
class Call:
    """One call of a provider while it is made; the provider notes what it used.

    `id`: no other call has it; at a gate, the token of its turn.
    """

    usage: Usage | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex, compare=False)


Turn = Callable[[], AbstractAsyncContextManager[Call]]
"""Waits for the moment at which a call may be made; the call is the body of the `async with`."""


@asynccontextmanager
async def at_once() -> AsyncIterator[Call]:
    """Give the turn without a wait."""
    yield Call()


class Provider(Protocol):
    """Names what is on a photo. One instance serves many photos at once."""

    name: str
    """The word in settings, in the photo's `provider` and in metrics."""

    model: str
    """What its calls are counted under, besides its name."""

    picture_side_px: int
    """The longest side a `Picture` for this provider needs."""

    takes_jpeg: bool = False
    """Whether a `Picture` that has no `rgb`, but a `jpeg`, does as well: it costs less."""

    endpoint: str | None
    """Stands for the other side and our account there: what limits on calls are kept by, over
    all taggers. A short hash, so that it tells no key. None where the calls leave no process."""

    price: Price

    def fingerprint(self, question: Question) -> str:
        """Return what, together with the photo's bytes, decides on the answer.

        The same text means: the same model, asked the same question, in the same language.
        Words that are only to be preferred are no part of it: they change all the time.
        """

    async def start(self) -> None:
        """Load what is needed. Raises `RuntimeError`, saying what is wrong, if it cannot work."""

    async def recognize(
        self, picture: Picture, question: Question, *, turn: Turn = at_once
    ) -> Recognition:
        """Look at `picture`; the names hold at least the question's language.

        Each call is made in a turn of its own, and whatever can be done before is: others wait.
        What a call fails of is raised inside the turn: `RateLimitedError` there holds back all
        calls, and any other `RetryableError` says that the other side is not well.

        Raises `PermanentError` or `RetryableError`, within the provider's own deadline (the
        wait for a turn is not part of it); gives up at once when cancelled.
        """

    async def close(self) -> None:
        """Let go of connections and memory."""
