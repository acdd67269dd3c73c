"""Brings sockets that come back to the end of their lane, many with one reading of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from services.notifier import frames
from services.notifier.closing import Close
from services.notifier.metrics import CATCHING_UP, LANE_READS
from services.notifier.session import Session
from services.notifier.tailer import Tailer
from shared.errors import UnavailableError
from shared.progress import LaneEntry, Lanes, after

logger = structlog.stdlib.get_logger()


@dataclass
class _Pass:
    """One reading of the lane: who waits for it to come by his position, and who is sent to."""

    waiting: dict[str, list[Session]] = field(default_factory=dict)
    reading: dict[bytes, Session] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """Whether anybody is there to read on for."""
        return bool(self.waiting or self.reading)

    def take(self, entries: list[LaneEntry]) -> None:
        """Send `entries`, which follow each other in the lane, to those they are for."""
        for entry in entries:
            session = self.reading.get(entry.socket_id)
            if session is not None and (session.closed or not session.send(entry)):
                del self.reading[session.name]
            for each in self.waiting.pop(entry.id, ()):
                _begin(each)
                self.reading[each.name] = each


class CatchUp:
    """The sessions of one lane that are not live yet.

    A session that is sent more than it can take at once leaves the reading, and comes to the
    next one when it has room again: nobody waits for the slow.
    """

    def __init__(self, tailer: Tailer, lanes: Lanes) -> None:
        self._tailer = tailer
        self._lanes = lanes
        self._outcomes: dict[Session, asyncio.Future[bool]] = {}
        self._running: asyncio.Task[None] | None = None

    async def run(self, session: Session) -> bool:
        """Send `session` all that follows its position, then let it go live.

        False, and nothing sent, if the lane does not hold its position. A session that cannot
        be brought up without a hole, though it has been sent something, is closed.
        """
        CATCHING_UP.inc()
        try:
            while not session.closed:
                outcome = self._outcomes[session] = asyncio.get_running_loop().create_future()
                if self._running is None:
                    self._running = asyncio.create_task(self._read())
                if not await outcome:
                    return False
                if self._tailer.live.get(session.name) is session:
                    return True
                await session.transport.room()
        finally:
            CATCHING_UP.dec()
            self._outcomes.pop(session, None)
        return True

    async def _read(self) -> None:
        try:
            while self._outcomes:
                outcomes, self._outcomes = self._outcomes, {}
                sessions = [each for each in outcomes if not each.closed]
                lost: set[Session] = set()
                try:
                    lost = await self._pass(sessions)
                except UnavailableError:
                    _send_back(sessions)
                except Exception:
                    logger.exception("catch_up_failed", lane=self._tailer.lane)
                    _send_back(sessions)
                finally:
                    for session, outcome in outcomes.items():
                        if not outcome.done():
                            outcome.set_result(session not in lost)
        finally:
            self._running = None

    async def _pass(self, sessions: list[Session]) -> set[Session]:
        """Read the lane once; return those whose position was not met and who got nothing."""
        this = _Pass()
        for session in sessions:
            this.waiting.setdefault(session.position, []).append(session)
        if not this.waiting:
            return set()
        position = await self._to_the_end(this, min(this.waiting, key=after), first=True)
        if not self._tailer.is_behind(position):
            # What was read is older than what the tailer has handed out by now. It stands
            # still while the rest is read, which cannot but reach it.
            async with self._tailer.holding:
                position = await self._to_the_end(this, position, first=False)
                self._go_live(this, position)
        else:
            self._go_live(this, position)
        lost = {each for waiting in this.waiting.values() for each in waiting}
        for session in [each for each in lost if each.begun]:
            session.close(Close.TRY_AGAIN)
            lost.discard(session)
        return lost

    async def _to_the_end(self, this: _Pass, position: str, *, first: bool) -> str:
        """Read on from `position` to the lane's end, or as far as somebody wants it.

        Returns the entry there.
        """
        while this.wanted:
            page = await self._lanes.page(self._tailer.lane, position)
            LANE_READS.labels(kind="catch_up").inc()
            if not first and (not page or page[0].id != position):
                # Trimmed while we read. What those here have been sent has no hole yet.
                for session in this.reading.values():
                    session.close(Close.TRY_AGAIN)
                this.reading.clear()
            fresh = page if first or (page and page[0].id != position) else page[1:]
            this.take(fresh)
            if page:
                position = page[-1].id
            if len(page) < self._lanes.page_size:
                break
            first = False
        return position

    def _go_live(self, this: _Pass, position: str) -> None:
        for session in this.reading.values():
            if not session.closed:
                session.go_live(position)
                self._tailer.live[session.name] = session


def _send_back(sessions: list[Session]) -> None:
    for session in sessions:
        session.close(Close.TRY_AGAIN)


def _begin(session: Session) -> None:
    if not session.begun:
        session.begun = True
        session.transport.offer(frames.connected(session.position, session.socket_id, resumed=True))
