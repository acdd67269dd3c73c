"""The sockets of this notifier, and the lanes that are read for them."""

from __future__ import annotations

import asyncio
import hashlib
import random
import secrets
from collections import Counter
from weakref import WeakValueDictionary

import structlog

from services.notifier import frames
from services.notifier.catchup import CatchUp
from services.notifier.closing import Close
from services.notifier.metrics import CONNECTS, LANES, REFUSED, SOCKETS
from services.notifier.session import Session, Transport
from services.notifier.tailer import Tailer
from shared import keys
from shared.photos import Photos
from shared.progress import CLAIM, LaneEntry, Lanes, after, claimed_socket
from shared.tasks import seen_through

logger = structlog.stdlib.get_logger()

_SALT = secrets.token_bytes(16)


class BadResumeError(Exception):
    """A resume request that makes no sense; its text says why."""


class Hub:
    """Opens and resumes sessions, and ends them.

    `home_lane`: the lane of the sockets that are new here.
    """

    def __init__(
        self,
        lanes: Lanes,
        photos: Photos,
        *,
        redis_url: str,
        lane_count: int,
        retention_s: int,
        home_lane: int,
    ) -> None:
        self._lanes = lanes
        self._photos = photos
        self._redis_url = redis_url
        self._lane_count = lane_count
        self._retention_s = retention_s
        self._home_lane = home_lane
        # By digest: how long a look-up takes says nothing of the IDs there are.
        self._sessions: dict[bytes, Session] = {}
        self._claiming: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._followed: dict[int, tuple[Tailer, CatchUp]] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self.sockets: Counter[str] = Counter()
        """How many sockets there are, by transport."""

    def check(self, socket_id: object, last_event_id: object) -> None:
        """Raise `BadResumeError` unless both make a resume request, or both are None."""
        if socket_id is None and last_event_id is None:
            return
        fault = self._fault(socket_id, last_event_id)
        if fault:
            REFUSED.labels(reason="bad_resume").inc()
            raise BadResumeError(fault)

    async def begin(
        self, socket_id: str | None, last_event_id: str | None, transport: Transport
    ) -> Session:
        """Begin the session that a request asks for, which `check` has let pass.

        Raises `UnavailableError`.
        """
        if socket_id is None or last_event_id is None:
            return await self.open(transport)
        return await self.resume(socket_id, last_event_id, transport)

    async def open(self, transport: Transport) -> Session:
        """Begin a session that is new; its first frame is `connected`.

        Raises `UnavailableError`.
        """
        socket_id = keys.new_socket_id(self._home_lane)
        session = Session(socket_id, self._home_lane, transport, position="")
        tailer, _ = self._join(session)
        try:
            await tailer.ready()
        except BaseException:
            self.leave(session)
            raise
        # Nothing can have been written for an ID that did not exist until now: where the
        # tailer stands is a position as good as the lane's end.
        session.position = session.claim = tailer.position
        transport.offer(frames.connected(session.position, socket_id, resumed=False))
        tailer.live[session.name] = session
        CONNECTS.labels(result="new").inc()
        return session

    async def resume(self, socket_id: str, last_event_id: str, transport: Transport) -> Session:
        """Go on with a session after the event `last_event_id`; or begin again with a snapshot.

        The frames are `connected`, then what was missed or else `resync`, then live events.
        Whoever holds the socket ID now is closed. Raises `UnavailableError`.
        """
        session = Session(socket_id, self._lane(socket_id), transport, last_event_id)
        tailer, catch_up = self._join(session)
        try:
            await tailer.ready()
            await self._claim(session)
            if await catch_up.run(session):
                CONNECTS.labels(result="resumed").inc()
            else:
                await self._snapshot(session)
                await catch_up.run(session)
                CONNECTS.labels(result="resync").inc()
        except BaseException:
            self.leave(session)
            raise
        return session

    def leave(self, session: Session) -> None:
        """End a session; a lane without sessions is no longer read."""
        session.closed = True
        key = _digest(session.socket_id)
        if self._sessions.get(key) is session:
            del self._sessions[key]
        self._count(session.transport.name, -1)
        tailer, _ = self._followed[session.lane]
        if tailer.live.get(session.name) is session:
            del tailer.live[session.name]
        tailer.users -= 1
        if not tailer.users:
            del self._followed[session.lane]
            stopping = asyncio.create_task(tailer.stop())
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
            LANES.set(len(self._followed))

    async def close_all(self, code: Close, *, over_s: float) -> None:
        """Close every socket, each at a moment of its own within `over_s`."""
        loop = asyncio.get_running_loop()
        for session in list(self._sessions.values()):
            loop.call_later(random.uniform(0, over_s), session.close, code)  # noqa: S311
        if self._sessions:
            await asyncio.sleep(over_s)

    async def stopped(self) -> None:
        """Wait until the lanes that are no longer read have been left."""
        await asyncio.gather(*self._stopping)

    # The steps of the above

    def _fault(self, socket_id: object, last_event_id: object) -> str | None:
        if not isinstance(socket_id, str) or not isinstance(last_event_id, str):
            return "socketId and lastEventId go together, as text"
        if keys.lane_of(socket_id, lanes=self._lane_count) is None:
            return "socketId is no socket ID of this service"
        try:
            after(last_event_id)
        except ValueError:
            return "lastEventId is no event id"
        return None

    def _lane(self, socket_id: str) -> int:
        lane = keys.lane_of(socket_id, lanes=self._lane_count)
        if lane is None:
            raise BadResumeError("socketId is no socket ID of this service")
        return lane

    def _join(self, session: Session) -> tuple[Tailer, CatchUp]:
        if session.lane not in self._followed:
            tailer = Tailer(
                session.lane,
                redis_url=self._redis_url,
                lanes=self._lanes,
                retention_s=self._retention_s,
                on_notice=self._hear,
                on_break=self._break,
            )
            self._followed[session.lane] = tailer, CatchUp(tailer, self._lanes)
            LANES.set(len(self._followed))
        tailer, catch_up = self._followed[session.lane]
        tailer.users += 1
        self._count(session.transport.name, 1)
        key = _digest(session.socket_id)
        before, self._sessions[key] = self._sessions.get(key), session
        if before is not None:
            before.close(Close.TAKEN_OVER)
        return tailer, catch_up

    async def _claim(self, session: Session) -> None:
        # In the order in which they have come here: of those of one socket the last to come has
        # closed the others, and must not be closed in turn by a claim that is later than its own.
        key = _digest(session.socket_id)
        claiming = self._claiming.setdefault(key, asyncio.Lock())
        async with claiming:
            if not session.closed:
                # Also if its client goes meanwhile: it may be on its way.
                claim = asyncio.ensure_future(self._lanes.claim(session.lane, session.socket_id))
                session.claim = await seen_through(claim)
                session.settle_claims()

    async def _snapshot(self, session: Session) -> None:
        reason = await self._lanes.gap(session.lane, session.position)
        # The position first: what changes while the photos are read is sent again, as events.
        position = await self._lanes.end(session.lane)
        records = await self._photos.watched_by(session.socket_id)
        photos = [record.photo().view() for record in records]
        session.position, session.begun = position, True
        offer, socket_id = session.transport.offer, session.socket_id
        offer(frames.connected(position, socket_id, resumed=False))
        offer(frames.resync(position, socket_id, reason.value, photos))

    def _hear(self, notice: LaneEntry) -> None:
        if notice.event == CLAIM and (socket_id := claimed_socket(notice)):
            session = self._sessions.get(_digest(socket_id))
            if session is not None:
                session.claimed(notice.id)

    def _break(self, lane: int) -> None:
        for session in list(self._sessions.values()):
            if session.lane == lane:
                session.close(Close.TRY_AGAIN)

    def _count(self, transport: str, change: int) -> None:
        self.sockets[transport] += change
        SOCKETS.labels(transport=transport).set(self.sockets[transport])


def _digest(socket_id: str) -> bytes:
    return hashlib.blake2b(socket_id.encode(), key=_SALT, digest_size=16).digest()
