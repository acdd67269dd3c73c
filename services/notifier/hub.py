"""The sockets of this notifier, and the lanes that are read for them."""

from __future__ import annotations

import asyncio
from collections import Counter

import structlog

from services.notifier.closing import Close
from services.notifier.frames import Frame
from services.notifier.metrics import CONNECTS, LANES, SOCKETS
from services.notifier.session import Session, Transport
from services.notifier.tailer import Tailer
from shared import keys
from shared.photos import Photos
from shared.progress import LaneEntry, Lanes, Reach, after

logger = structlog.stdlib.get_logger()


class BadResumeError(Exception):
    """A resume request that makes no sense; its text says why."""


class Hub:
    """Opens and resumes sessions, and delivers each lane entry to the session it is for.

    `home_lane`: the lane of the sockets that are new here.
    """

    def __init__(
        self, lanes: Lanes, photos: Photos, *, redis_url: str, lane_count: int, home_lane: int
    ) -> None:
        self._lanes = lanes
        self._photos = photos
        self._redis_url = redis_url
        self._lane_count = lane_count
        self._home_lane = home_lane
        self._sessions: dict[bytes, Session] = {}
        self._tailers: dict[int, Tailer] = {}
        self._users: Counter[int] = Counter()
        self._changing = asyncio.Lock()

    def new_socket_id(self) -> str:
        return keys.new_socket_id(self._home_lane)

    def check(self, socket_id: object, last_event_id: object) -> None:
        """Raise `BadResumeError` unless both make a resume request, or both are None."""
        if socket_id is None and last_event_id is None:
            return
        if not isinstance(socket_id, str) or not isinstance(last_event_id, str):
            raise BadResumeError("socketId and lastEventId go together, as text")
        if keys.lane_of(socket_id, lanes=self._lane_count) is None:
            raise BadResumeError("socketId is no socket ID of this service")
        try:
            after(last_event_id)
        except ValueError:
            raise BadResumeError("lastEventId is no event id") from None

    async def open(self, socket_id: str, transport: Transport) -> Session:
        """Begin a session that is new; its first frame is `connected`."""
        session = await self._begin(socket_id, transport, position=None)
        CONNECTS.labels(result="new").inc()
        return session

    async def resume(self, socket_id: str, last_event_id: str, transport: Transport) -> Session:
        """Go on with a session after the event `last_event_id`; or begin again with a snapshot.

        The frames are `connected`, then what was missed or else `resync`, then live events.
        """
        session = await self._begin(socket_id, transport, position=last_event_id)
        try:
            reach = await self._lanes.reach(session.lane, last_event_id)
            if reach is Reach.WHOLE:
                await transport.put(Frame.connected(last_event_id, socket_id, resumed=True))
                await self._replay(session, last_event_id)
                CONNECTS.labels(result="resumed").inc()
            else:
                await self._snapshot(session, reach)
                CONNECTS.labels(result="resync").inc()
        except BaseException:
            await self.leave(session)
            raise
        return session

    async def leave(self, session: Session) -> None:
        """End a session; a lane without sessions is no longer read."""
        session.closed = True
        key = session.socket_id.encode()
        if self._sessions.get(key) is session:
            del self._sessions[key]
        SOCKETS.labels(transport=session.transport.name).dec()
        async with self._changing:
            self._users[session.lane] -= 1
            if not self._users[session.lane] and (tailer := self._tailers.pop(session.lane, None)):
                await tailer.stop()
            LANES.set(len(self._tailers))

    def close_all(self, code: Close) -> None:
        """Close every socket."""
        for session in list(self._sessions.values()):
            session.close(code)

    # The steps of the above

    async def _begin(
        self, socket_id: str, transport: Transport, *, position: str | None
    ) -> Session:
        lane = keys.lane_of(socket_id, lanes=self._lane_count)
        if lane is None:
            raise BadResumeError("socketId is no socket ID of this service")
        async with self._changing:
            tailer = self._tailers.get(lane)
            if tailer is None:
                tailer = self._tailers[lane] = Tailer(
                    lane,
                    await self._lanes.end(lane),
                    redis_url=self._redis_url,
                    lanes=self._lanes,
                    deliver=self._deliver,
                    on_break=self._break,
                )
            self._users[lane] += 1
            LANES.set(len(self._tailers))
        # Nothing can have been written for an ID that did not exist until now: where the
        # tailer stands is a position as good as the lane's end.
        session = Session(socket_id, lane, transport, position or tailer.position)
        if position is None:
            transport.offer(Frame.connected(tailer.position, socket_id, resumed=False))
            session.go_live()
        SOCKETS.labels(transport=transport.name).inc()
        before = self._sessions.get(socket_id.encode())
        self._sessions[socket_id.encode()] = session
        if before is not None:
            before.close(Close.TAKEN_OVER)
        return session

    async def _replay(self, session: Session, last_event_id: str) -> None:
        mine = session.socket_id.encode()
        async for entry in self._lanes.since(session.lane, last_event_id):
            if session.closed:
                return
            if entry.socket_id == mine:
                await session.replay(entry)
        session.go_live()

    async def _snapshot(self, session: Session, reach: Reach) -> None:
        # The position first: what changes while the photos are read is sent again, as events.
        position = await self._lanes.end(session.lane)
        records = await self._photos.watched_by(session.socket_id)
        photos = [record.photo().view() for record in records]
        transport = session.transport
        await transport.put(Frame.connected(position, session.socket_id, resumed=False))
        await transport.put(Frame.resync(position, str(reach.value), photos))
        session.restart(position)

    def _deliver(self, entry: LaneEntry) -> None:
        session = self._sessions.get(entry.socket_id)
        if session is not None:
            session.deliver(entry)

    def _break(self, lane: int) -> None:
        for session in list(self._sessions.values()):
            if session.lane == lane:
                session.close(Close.TRY_AGAIN)
