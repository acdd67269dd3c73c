"""Runs a tagger in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
from collections.abc import Coroutine, Iterator
from concurrent import futures
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from dramatiq import Worker
from dramatiq.asyncio import EventLoopThread, set_event_loop_thread
from redis.asyncio import Redis

from services.tagger.app import (
    build_broker,
    build_worker,
    opened_running,
    opened_tools,
    serving_health,
)
from services.tagger.loop import LoopThread
from services.tagger.pipeline import Pipeline
from services.tagger.settings import TaggerSettings
from services.tagger.stages.choose import choose
from services.tagger.telling import Stages
from shared.blobs import open_store
from shared.health import Health
from shared.redis import check_keeps_all, closing, connect, once_there
from shared.serve import COLLECT_AFTER
from shared.tasks import end

LOOK_EVERY_S: Final = 0.5
"""How soon a signal is heard at the latest. The kernel may give it to any thread, and Python calls
its handler in this one, which a wait without end would keep from it."""

LAST_WORDS_S: Final = 10.0
"""How long a tagger may take, after its grace, to hand back what it holds and to say farewell. What
Redis has not heard by then it finds out by itself, by leases that lapse."""

T = TypeVar("T")

logger = structlog.stdlib.get_logger()


def run(settings: TaggerSettings, socket: Path | None = None) -> None:
    """Take photos from the queue until SIGTERM or SIGINT; then finish or hand back what is held.

    `socket`: where it says how it is, instead of on its port.
    Raises `ValueError`, `RuntimeError` or `OSError`, saying what is wrong, if it cannot start.
    """
    pipeline = _pipeline(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _event_loop() as loop:
        opened = AsyncExitStack()
        try:
            opening = _unless(stop, _open(settings, pipeline, socket, opened))
            begun = asyncio.run_coroutine_threadsafe(opening, loop.loop)
            while not futures.wait([begun], timeout=LOOK_EVERY_S).done:
                pass
            if (tagger := begun.result()) is not None:
                _take_photos(settings, *tagger, stop)
        finally:
            loop.run_coroutine(opened.aclose())
    logger.info("tagger_stopped")


async def _unless(stop: threading.Event, opening: Coroutine[Any, Any, T]) -> T | None:
    """Return what `opening` returns; None if there is no more need of it."""
    task = asyncio.create_task(opening)
    while not (task.done() or stop.is_set()):
        await asyncio.wait([task], timeout=LOOK_EVERY_S)
    if stop.is_set():
        _leave_after(LAST_WORDS_S)
        await end(task)
        return None
    return task.result()


def _take_photos(
    settings: TaggerSettings, health: Health, worker: Worker, stop: threading.Event
) -> None:
    # Dramatiq's own command line would say so; TimeLimit and the like wait for it.
    worker.broker.emit_after("process_boot")
    gc.set_threshold(COLLECT_AFTER)
    gc.freeze()  # what is there by now stays, and need not be looked at again
    worker.start()
    health.starting = False
    logger.info("tagger_started", port=settings.port, threads=settings.threads)
    while not stop.wait(LOOK_EVERY_S):
        pass
    health.draining = True
    logger.info("tagger_draining", grace_s=settings.grace_s)
    _leave_after(settings.grace_s + LAST_WORDS_S)
    worker.stop(timeout=round(settings.grace_s * 1000))
    worker.broker.close()


def _pipeline(settings: TaggerSettings) -> Pipeline:
    try:
        return Pipeline(choose(settings.pipeline, settings.stages_dir))
    except ValueError as error:
        raise ValueError(f"TAGLINE_PIPELINE: {error}") from error


async def _open(
    settings: TaggerSettings, pipeline: Pipeline, socket: Path | None, opened: AsyncExitStack
) -> tuple[Health, Worker]:
    try:
        blobs = open_store(settings.blob_url)
    except ValueError as error:
        raise ValueError(f"TAGLINE_BLOB_URL {error}") from None
    health = await opened.enter_async_context(serving_health(settings, blobs, socket))
    # It answers while the model is loaded, but takes no photos yet.
    health.starting = True
    async with closing(connect(settings.redis_url)) as redis:
        await once_there(lambda: _announce(redis, pipeline))
    tools = await opened.enter_async_context(opened_tools(settings, blobs))
    health.add("provider", tools.gate.check)
    broker = build_broker(settings)
    running = await opened.enter_async_context(opened_running(settings, tools, pipeline, broker))
    return health, build_worker(settings, tools, pipeline, broker, running)


async def _announce(redis: Redis, pipeline: Pipeline) -> None:
    await check_keeps_all(redis)
    await Stages(redis, pipeline).tell()


def _leave_after(seconds: float) -> None:
    """End this process then, whatever it still waits for: a Redis that does not answer, say."""

    def leave() -> None:
        logger.warning("tagger_left", after_s=seconds)
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


@contextlib.contextmanager
def _event_loop() -> Iterator[EventLoopThread]:
    quiet = logging.getLogger(__name__)
    quiet.setLevel(logging.WARNING)  # where a setting is bad, one line on stderr says so
    loop: EventLoopThread = LoopThread(quiet)
    loop.start(timeout=5.0)
    set_event_loop_thread(loop)
    try:
        yield loop
    finally:
        set_event_loop_thread(None)
        loop.stop()
