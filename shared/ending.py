"""How a photo ends: what the script that ends it is told, and what becomes of that."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.broker import DeadLetter
from shared.events import Event


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: `report` is kept with the job, `counts` go into the statistics."""

    report: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


class Lead(NamedTuple):
    """Which tag a name of some `identity` leads to.

    `other`: the other language in which the tag has a name, or ``.
    """

    identity: str
    tag_id: int
    other: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How a photo ends: `complete` or `error`, the changed fields, and its last events.

    `tag_ids`: all tags it carries from now on; None leaves them as they are.
    """

    status: str
    fields: Mapping[str, str]
    events: Sequence[Event]
    outcome: Outcome
    tag_ids: Sequence[int] | None = None
    names: Sequence[Lead] = ()
    """Names in the photo's language, and which tags they have to lead to."""

    letter: DeadLetter | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the photo's bytes said, where nobody had looked: fields of the record."""


class Finish(enum.Enum):
    """What became of the wish to end a photo."""

    LOST = 0
    ENDED = 1
    EDITED = -1
    """Its tags were edited by hand meanwhile: the last event would tell old ones."""

    MOVED = -2
    """A name leads to another tag by now, or a tag has lost its name in the other language."""
