"""All that is known when a run has come to rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from tests.chaos.system.notes import Frame, Order, Upload

if TYPE_CHECKING:
    from tests.chaos.system.follower import Follower
    from tests.chaos.system.sender import Sender
    from tests.chaos.system.state import Blobs, Remains

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """An event in a lane."""

    id: str
    socket_id: str
    event: str
    data: Any


@dataclass(frozen=True)
class Letter:
    """A dead letter."""

    job_id: str
    reason: str
    deaths: int


@dataclass(frozen=True)
class Recovery:
    """How long it took until what a fault had stopped went on."""

    what: str
    took_s: float


@dataclass(frozen=True)
class History:
    """What clients noted, what the lanes tell, what Redis and the blob store hold.

    `frames`: by client, in the order they came. `lanes`: every entry, in its lane's order, those
    for nobody included. `photos`: the records. `left`: how much of what there should be nothing
    of at rest, by name. `originals`, `thumbnails`: the photos' file names that have such blobs,
    after the sweep. `stranded`: what was seen, at any time, of photos that were nowhere.
    `deaths`: the most on the account of each job's message; `held`: how often it was held by a
    tagger that was killed or stopped, None where leases are too short to be sure. `met`: how many
    workers died of each poison photo, by its name. `peaks_mb`: the most that a process of each
    kind had in memory. `recoveries`: with `recovery_s`, the longest allowed, None if it is not
    judged. `disagreement`: of an index with the records. `misbehaved`: what processes and answers
    did that they never should.
    """

    uploads: Sequence[Upload] = ()
    orders: Sequence[Order] = ()
    frames: Mapping[str, Sequence[Frame]] = field(default_factory=dict)
    lanes: Sequence[Sequence[Told]] = ()
    photos: Mapping[int, Fields] = field(default_factory=dict)
    letters: Sequence[Letter] = ()
    left: Mapping[str, int] = field(default_factory=dict)
    originals: frozenset[str] = frozenset()
    thumbnails: frozenset[str] = frozenset()
    samples: int = 0
    stranded: Sequence[str] = ()
    deaths: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] | None = None
    met: Mapping[str, int] = field(default_factory=dict)
    peaks_mb: Mapping[str, float] = field(default_factory=dict)
    recoveries: Sequence[Recovery] = ()
    recovery_s: float | None = None
    disagreement: str = ""
    misbehaved: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        senders: Sequence[Sender],
        followers: Sequence[Follower],
        left: Remains,
        blobs: Blobs,
        misbehaved: Sequence[str],
    ) -> Self:
        """Return what clients have noted, and what is left of it."""
        return cls(
            uploads=[upload for sender in senders for upload in sender.uploads],
            orders=[order for sender in senders for order in sender.orders],
            frames={follower.name: follower.frames for follower in followers},
            lanes=left.lanes,
            photos=left.photos,
            letters=left.letters,
            left={**left.counts, "staged": blobs.staged},
            originals=blobs.originals,
            thumbnails=blobs.thumbnails,
            disagreement=left.disagreement,
            misbehaved=misbehaved,
        )

    def gone(self) -> set[int]:
        """Return the photos that somebody wanted removed, or may have."""
        return {order.photo_id for order in self.orders if order.what == "delete"}

    def uploader_of(self, photo_id: int) -> str | None:
        """Return the socket that was named when a photo was uploaded; None if nobody knows."""
        return self._uploaders.get(photo_id)

    @cached_property
    def _uploaders(self) -> dict[int, str]:
        by_digest = {d: upload.socket_id for upload in self.uploads for d in upload.digests}
        found = {
            photo_id: by_digest[photo["sha256"]]
            for photo_id, photo in self.photos.items()
            if photo["sha256"] in by_digest
        }
        for upload in self.uploads:
            for answer in upload.accepted:
                found.update({each.photo_id: upload.socket_id for each in answer})
        return found

    def by_socket_and_photo(self) -> dict[tuple[str, int], list[Told]]:
        """Return the events of each photo, as each socket was told them."""
        found: dict[tuple[str, int], list[Told]] = {}
        for lane in self.lanes:
            for told in lane:
                if told.event.startswith("photo:"):
                    found.setdefault((told.socket_id, told.data["photoId"]), []).append(told)
        return found
