"""The contract of a stage: one step of the work on a photo.

A stage is one file with a `Stage` in it, and its name in `TAGLINE_PIPELINE`. Those that Tagline
brings along are in this folder; `choose.py` says where others may be.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import orjson

from services.tagger.accounts import Accounts, Totals
from services.tagger.cache import Cache
from services.tagger.clock import Clock
from services.tagger.gate import Gate
from services.tagger.naming import Naming
from services.tagger.providers.provider import FoundTag, Provider, Recognition
from services.tagger.vocabulary import Vocabulary
from shared import tracing
from shared.attempts import Attempts
from shared.blobs import BlobStore
from shared.decoding.decoder import Decoder
from shared.decoding.picture import Picture
from shared.ending import Lead
from shared.events import PhotoProgress
from shared.messages import LOCALES
from shared.names import cleaned
from shared.photos import Photos
from shared.record import PhotoTag, Record

ADDED_TAGS: Final = 12
"""How many tags the stages of one attempt may add to those of the provider."""

NOTE_BYTES: Final = 4096
"""How large what one stage notes may be, as JSON."""

LABEL_CHARS: Final = 40
MESSAGE_CHARS: Final = 120
MOST_SHARE: Final = 100
TIMEOUT_S: Final = 30.0
LONGEST_S: Final = 24 * 3600

Part = Literal["picture", "recognition"]
"""What one stage makes and others need: an attribute of `Work`, None until then."""

PARTS: Final = frozenset(get_args(Part))


@dataclass(frozen=True, slots=True)
class Tools:
    """What stages work with; one for the whole process."""

    photos: Photos
    attempts: Attempts
    naming: Naming
    blobs: BlobStore
    decoder: Decoder
    provider: Provider
    gate: Gate
    cache: Cache
    accounts: Accounts
    vocabulary: Vocabulary
    fallback: Provider | None = None
    """Asked, at no gate, while the budget for calls of `provider` is spent."""


@dataclass(slots=True)
class Work:
    """One attempt at a photo, and what its stages have found so far."""

    record: Record
    tools: Tools

    worker: str = ""
    """Host and process that do it."""

    traceparent: str = ""
    """The trace it belongs to, if that is not its job's own; see `shared.tracing`."""

    # What stages make

    picture: Picture | None = None
    recognition: Recognition | None = None
    kept: Sequence[FoundTag] = ()
    """What becomes the photo's tags."""

    tags: tuple[PhotoTag, ...] = ()
    names: Sequence[Lead] = ()
    """What the names of these tags led to when it was asked."""

    facts: dict[str, str] = field(default_factory=dict)
    """Fields of the record that change however the photo ends."""

    fields: dict[str, str] = field(default_factory=dict)
    """Fields of the record that change when the photo is complete."""

    added: list[FoundTag] = field(default_factory=list)
    """Tags of stages; the provider's are in `recognition`."""

    extra: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What stages have noted, by their ids: the photo's `extra`."""

    # How it goes

    stage: str = ""
    """The id of the stage that runs."""

    later: frozenset[Part] = PARTS
    """What stages after that one need."""

    pixels: bool = True
    """Whether stages look at the picture, besides the provider."""

    undecoded: bool = False
    """Whether its picture is made only if the provider has to be asked: the facts are known."""

    told: asyncio.Future[None] | None = None
    """Done when Redis has heard of that stage; fails if it is no longer this attempt's turn."""

    untold: list[PhotoProgress] = field(default_factory=list)
    """What the watchers have not been told yet of the stages so far, in order."""

    # What it takes

    clock: Clock = field(default_factory=Clock)
    begun_s: float = field(default_factory=time.monotonic)

    stepped: tuple[int, float] | None = None
    """The server's time at the last word, ms, and ours when that was known, s."""

    stage_ms: dict[str, float] = field(default_factory=dict)
    """How long each stage took that has begun, by its id, without what it waited for others."""

    cached: bool = False
    """Whether the recognition came from the cache: it cost nothing then."""

    bills: list[asyncio.Task[Totals]] = field(default_factory=list)
    """The counts of its calls of a provider, under way or done."""

    @property
    def now_ms(self) -> int:
        """The time by the server's clock, or a little before; not before the last word's."""
        begun = int(self.record.fields["started_at_ms"]), self.begun_s
        server_ms, ours_s = self.stepped or begun
        return server_ms + int((time.monotonic() - ours_s) * 1000)

    @property
    def told_trace(self) -> str | None:
        """The trace as events tell it."""
        return tracing.passed_on(self.traceparent) or None

    async def settle(self) -> None:
        """Wait until its calls are counted, if they can be; the record then knows of them."""
        if self.bills:
            await asyncio.wait(self.bills)
        for bill in self.bills:
            if not bill.cancelled() and bill.exception() is None:
                self.record = self.record.changed(bill.result())

    def tag(self, *, fr: str, en: str, confidence: float | None = None) -> None:
        """Have the photo carry a tag, whatever the provider says; `confidence`: 0 to 1.

        Raises `ValueError` for a name of nothing, and for more than `ADDED_TAGS`.
        """
        names = {"fr": cleaned(fr), "en": cleaned(en)}
        if not all(names.values()):
            raise ValueError("a tag needs a name in both languages")
        if confidence is not None and not 0 <= confidence <= 1:
            raise ValueError("a confidence is from 0 to 1")
        if len(self.added) >= ADDED_TAGS:
            raise ValueError(f"stages may add {ADDED_TAGS} tags to a photo")
        self.added.append(FoundTag(names, None if confidence is None else float(confidence)))

    def note(self, **values: Any) -> None:
        """Write `values` into the photo's `extra`, under the stage that runs.

        They are stored when the photo is complete, and replaced when it is tagged again. Raises
        `TypeError` for what is no JSON, `ValueError` for more than `NOTE_BYTES` of it.
        """
        json = orjson.dumps(
            {**self.extra.get(self.stage, {}), **values}, option=orjson.OPT_SERIALIZE_NUMPY
        )
        if len(json) > NOTE_BYTES:
            raise ValueError(f"a stage may note {NOTE_BYTES} bytes")
        self.extra[self.stage] = orjson.loads(json)


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the pipeline. Raises `ValueError`, saying what is wrong with it.

    `id`: its name in `TAGLINE_PIPELINE`, in events and in metrics. `share`: how much of the bar
    it takes beside its neighbours, 1 to 100; `analyzing` takes 20, `ai` 40, `saving` 30. `icon`:
    a name of the Lucide icon set; one that the page does not know is a circle. `labels`: its
    name by locale. `messages`: what the owner reads while it runs, by locale; without them, its
    label. `needs` and `makes`: what earlier stages make of the work, and what this one does.

    `run` may be a coroutine function, which must not block: all photos share its event loop. Or
    it is a plain function, run in a thread of its own; it may block, but nothing can stop it:
    after `timeout_s` it is left alone, and what it finds then is lost. It raises
    `PermanentError` to end the photo as `error`, `RetryableError` to have it tried again;
    whatever else it raises is a `RetryableError`, `stage_failed`.
    """

    id: str
    share: int
    icon: str
    labels: Mapping[str, str]
    run: Callable[[Work], Any]
    messages: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S
    needs: tuple[Part, ...] = ()
    makes: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if not _matches(r"[a-z][a-z0-9_-]{0,31}", self.id):
            raise ValueError(f"id is {self.id!r}: it has to be up to 32 of a-z, 0-9, _ and -")
        if self.id in {"queued", "done", "upload"}:
            raise ValueError(f"id is {self.id!r}: that is a word of the events or of the page")
        if type(self.share) is not int or not 1 <= self.share <= MOST_SHARE:
            raise ValueError(f"share is {self.share!r}: it has to be a whole number, 1 to 100")
        if not _matches(r"[a-z0-9-]{1,40}", self.icon):
            raise ValueError(f"icon is {self.icon!r}: it has to be a name such as scan-search")
        _check_words("labels", self.labels, LABEL_CHARS)
        if self.messages:
            _check_words("messages", self.messages, MESSAGE_CHARS)
        if not callable(self.run):
            raise ValueError("run is no function")  # noqa: TRY004  # one kind for all
        if type(self.timeout_s) not in {int, float} or not 0 < self.timeout_s <= LONGEST_S:
            raise ValueError(
                f"timeout_s is {self.timeout_s!r}: it has to be above 0, a day at most"
            )
        if not PARTS.issuperset(self.needs) or not PARTS.issuperset(self.makes):
            raise ValueError(f"needs and makes are tuples of {' and '.join(sorted(PARTS))}")

    def message(self, locale: str) -> str:
        """Return what the owner reads while it runs."""
        return self.messages[locale] if self.messages else f"{self.labels[locale]}..."


def _matches(pattern: str, text: object) -> bool:
    return isinstance(text, str) and re.fullmatch(pattern, text) is not None


def _check_words(name: str, words: object, chars: int) -> None:
    for locale in LOCALES:
        text = words.get(locale) if isinstance(words, Mapping) else None
        if not (isinstance(text, str) and text.strip() and len(text) <= chars):
            raise ValueError(f"{name} have no text for {locale!r} of at most {chars} characters")
