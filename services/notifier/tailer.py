"""Follows one lane with blocking reads and hands every entry to the session it is for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

import structlog
from redis.exceptions import ResponseError

from services.notifier.metrics import EVENT_DELAY, LANE_BREAKS, LANE_ENTRIES, LANE_READS
from services.notifier.session import Session, count
from shared.errors import UnavailableError
from shared.metrics import REDIS_ERRORS
from shared.progress import NOBODY, LaneEntry, LaneGapError, LaneReader, Lanes, after
from shared.redis import AWAY, closing, connect_blocking
from shared.tasks import end
from shared.wire import Wire

BLOCK_MS: Final = 5_000
AWAY_PAUSE_S: Final = 0.2

_READS: Final = LANE_READS.labels(kind="follow")

logger = structlog.stdlib.get_logger()


class Tailer:
    """Reads a lane from its end on, over a connection of its own, until stopped.

    `position` is the last entry that was handed out. While Redis is away it keeps its place.
    `on_break` is called when the lane no longer holds that entry: it was trimmed faster than
    it was read, or the server was wiped or replaced; what happened in between cannot be told.
    So it is where handing out has failed.
    `on_notice` gets what notifiers say to each other.
    """

    def __init__(
        self,
        lane: int,
        *,
        redis_url: str,
        lanes: Lanes,
        retention_s: int,
        on_notice: Callable[[LaneEntry], None],
        on_break: Callable[[int], None],
    ) -> None:
        self.lane = lane
        self.position = ""
        self.users = 0
        self._away = False
        self._failed = False
        self._quiet_since_s = 0.0
        self.live: dict[bytes, Session] = {}
        self.holding = asyncio.Lock()
        """Whoever holds it can be sure that nothing is handed out."""

        self._redis_url = redis_url
        self._lanes = lanes
        # A lane in which nothing happens is marked well before its last entry is too old to
        # stay: the next event would push out the place where we stand.
        self._stale_after_s = retention_s / 3
        self._block_ms = max(10, min(BLOCK_MS, round(self._stale_after_s * 1000)))
        self._on_notice = on_notice
        self._on_break = on_break
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name=f"tailer-{lane}")

    async def ready(self) -> None:
        """Wait until there is a `position`. Raises `UnavailableError`."""
        await asyncio.shield(self._started)

    async def stop(self) -> None:
        """Stop reading."""
        await end(self._task)
        self._started.cancel()

    def is_behind(self, position: str) -> bool:
        """Say whether all that comes after `position` is still to be handed out."""
        return after(self.position) <= after(position)

    async def _run(self) -> None:
        try:
            self.position = await self._lanes.end(self.lane)
        except UnavailableError as error:
            self._started.set_exception(error)
            return
        except Exception as error:
            logger.exception("tailer_failed", lane=self.lane)
            away = UnavailableError("redis")
            away.__cause__ = error
            self._started.set_exception(away)
            return
        self._started.set_result(None)
        async with closing(connect_blocking(self._redis_url, block_ms=self._block_ms)) as redis:
            while True:
                try:
                    async with aclosing(await Wire.open(redis)) as wire:
                        await self._follow(LaneReader(wire, self.lane, block_ms=self._block_ms))
                except (*AWAY, UnavailableError, ResponseError) as error:
                    if not isinstance(error, UnavailableError):
                        REDIS_ERRORS.labels(error=type(error).__name__).inc()
                    if not self._away:
                        logger.warning("tailer_waits", lane=self.lane, why=str(error))
                    self._away = True
                except Exception:
                    logger.exception("tailer_failed", lane=self.lane)
                    self._failed = True
                await asyncio.sleep(AWAY_PAUSE_S)

    async def _follow(self, reader: LaneReader) -> None:
        self._quiet_since_s = time.monotonic()
        if self._failed:  # what cannot be handed out is passed over
            await self._start_again()
        while True:
            try:
                page = await reader.read(self.position, take=self._take)
            except LaneGapError:
                await self._start_again()
                continue
            if self._away:
                logger.info("tailer_goes_on", lane=self.lane)
                self._away = False
            if page:
                async with self.holding:
                    self._hand_out(page)
                continue
            _READS.inc()
            if time.monotonic() - self._quiet_since_s >= self._stale_after_s:
                await self._lanes.mark(self.lane)

    def _take(self, page: list[LaneEntry]) -> str | None:
        """Hand out `page` and return the new position; None, and not handed out, if not now."""
        if self._away or self.holding.locked():
            return None
        self._hand_out(page)
        return self.position

    def _hand_out(self, page: list[LaneEntry]) -> None:
        _READS.inc()
        LANE_ENTRIES.inc(len(page))
        due: dict[bytes, list[LaneEntry]] = {}
        for entry in page:
            if entry.socket_id in self.live:
                due.setdefault(entry.socket_id, []).append(entry)
            elif entry.socket_id == NOBODY:
                self._deliver(due)  # what came before the notice
                due = {}
                self._on_notice(entry)
        self._deliver(due)
        self.position = page[-1].id
        self._quiet_since_s = time.monotonic()
        written_ms, _ = after(page[0].id)
        EVENT_DELAY.observe(max(0.0, time.time() - written_ms / 1000))

    def _deliver(self, due: dict[bytes, list[LaneEntry]]) -> None:
        sent: list[LaneEntry] = []
        for socket_id, entries in due.items():
            if session := self.live.get(socket_id):
                sent += session.deliver(entries)
        count(sent)

    async def _start_again(self) -> None:
        end = await self._lanes.end(self.lane)
        logger.warning("lane_broke", lane=self.lane)
        LANE_BREAKS.inc()
        self._on_break(self.lane)
        self.position = end
        self._failed = False
