"""A tagger of several processes: starts them, keeps them running, and speaks for them.

Each is a whole tagger (`child`), which says how it is on a Unix socket; only this process has the
port.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import structlog

from services.tagger.crew_metrics import PROCESSES_ENDED, CrewMetrics
from services.tagger.process import ANSWER_TIMEOUT_S, Process
from services.tagger.serving import serving
from services.tagger.settings import TaggerSettings
from shared.health import Health

PAUSE_S: Final = 0.5
"""After what pause a process that ended is started anew; each time twice as long, if it did not
live for `LONG_S`."""

MOST_PAUSE_S: Final = 30.0
LONG_S: Final = 60.0

STUCK_S: Final = 15.0
"""How long after its grace a process is killed: by itself it is gone sooner."""

logger = structlog.stdlib.get_logger()


def run(settings: TaggerSettings) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code, which may be that of the first process.

    Raises `ValueError`, `RuntimeError` or `OSError`, saying what is wrong, as one tagger does.
    """
    return asyncio.run(_run(settings))


async def _run(settings: TaggerSettings) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with _folder() as folder:
        processes = [Process(number, Path(folder)) for number in range(1, settings.processes + 1)]
        metrics = CrewMetrics(processes)
        health = Health(
            {f"process {each.number}": each.check for each in processes},
            metrics.registry,
            look=metrics.look,
            timeout_s=ANSWER_TIMEOUT_S,
        )
        health.starting = True
        async with serving(health, settings):
            try:
                code = await _begin(processes[0], stop)
                if not code:
                    health.starting = False
                    await _keep_all(processes, stop)
            finally:
                health.draining = True
                within_s = settings.grace_s + STUCK_S
                await asyncio.gather(*(each.stop(within_s=within_s) for each in processes))
    return code


def _folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="tagline-tagger-")
    except OSError as error:
        raise ValueError(f"TMPDIR: {error.strerror}") from error


async def _begin(first: Process, stop: asyncio.Event) -> int:
    """Start one alone: what it says if it cannot start, all would say. Returns its exit code then.

    What a signal has ended, it may be for memory, is started anew like any other.
    """
    await first.start()
    waits = [asyncio.create_task(each) for each in (first.begun(), first.ended(), stop.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for each in waits:
        each.cancel()
    return max(first.code or 0, 0)


async def _keep_all(processes: Sequence[Process], stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        keeping = [group.create_task(_keep(each)) for each in processes]
        await stop.wait()
        logger.info("processes_draining")
        for each in keeping:
            each.cancel()


async def _keep(process: Process) -> None:
    """Start it, if it has not been yet, and again whenever it ends."""
    started, pause_s = process.pid is not None, PAUSE_S
    while True:
        began_s = time.monotonic()
        try:
            if not started:
                await process.start()
            started = False
            logger.info("process_started", process=process.number, pid=process.pid)
            await _end(process)
            why = f"code {process.code}"
        except RuntimeError as error:
            why = str(error)
        PROCESSES_ENDED.inc()
        if time.monotonic() - began_s >= LONG_S:
            pause_s = PAUSE_S
        logger.error("process_ended", process=process.number, why=why, again_in_s=pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, MOST_PAUSE_S)


async def _end(process: Process) -> None:
    """Return when it has ended, killed if it hangs."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_kill_if_it_hangs(process))
        await process.ended()
        watching.cancel()


async def _kill_if_it_hangs(process: Process) -> None:
    await process.hangs()
    logger.error("process_hangs", process=process.number, pid=process.pid)
    process.kill()
