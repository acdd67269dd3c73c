"""Serves an aiohttp application until the process is told to stop, and stops in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
import uvloop
from aiohttp import web

from shared import tracing
from shared.health import Health
from shared.server import UNREAD_S, Runner, Unanswered, bare

LINGER_S: Final = 2.0
"""How long the rest of a refused body is read, so that the client sees the answer."""

IDLE_S: Final = 75.0
"""How long a connection is kept without a request, or with a part of one's header: longer than
reverse proxies keep theirs (60 s), so that they never send on one that is being closed."""

COLLECT_AFTER: Final = 20_000
"""After how many more objects Python looks for cycles among the newest. A request is some hundred
objects, a page of events some thousand, in no cycles: by default (700) that search took a
twentieth of a gateway's time, and a sixth of a notifier's."""

logger = structlog.stdlib.get_logger()

Build = Callable[[], Awaitable[tuple[web.Application, Health]]]
"""Makes the application and what it says of its health. Raises `ValueError` if it cannot."""


def serve(
    service: str,
    build: Build,
    *,
    bind: str,
    port: int,
    grace_s: float,
    otlp_endpoint: str | None = None,
    started: Callable[[], None] = lambda: None,
    idle_s: float = IDLE_S,
    unread_s: float = UNREAD_S,
    cancel_handlers: bool = False,
    unanswered: Unanswered = bare,
) -> int:
    """Run `service` until SIGTERM or SIGINT; returns the exit code.

    `otlp_endpoint`: where its spans are sent, if anywhere. `started`: called once it listens.
    `idle_s`: how long a connection may take to send the head of a request. `unread_s`: after how
    long a client that takes too little of an answer is let go. `cancel_handlers`: whether a request
    whose connection is lost is given up at once. `unanswered`: how what is no request is answered.
    """
    options = {
        "access_log": None,
        "shutdown_timeout": grace_s,
        "lingering_time": LINGER_S,
        "keepalive_timeout": idle_s,
        "handler_cancellation": cancel_handlers,
        "unread_s": unread_s,
    }
    address = (bind, port)
    gc.set_threshold(COLLECT_AFTER)
    try:
        tracing.start(service, otlp_endpoint)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(service, build, address, unanswered, options, started=started))
    except (ValueError, OSError) as error:
        code, why = why_not(error, bind, f"{bind}:{port}")
        print(f"{service}: {why}", file=sys.stderr)  # noqa: T201
        return code
    finally:
        tracing.stop()
    return 0


def why_not(error: Exception, bind: str, address: str) -> tuple[int, str]:
    """Return the exit code and the line for a service that could not start.

    `error`: `ValueError` or `RuntimeError`, saying what is wrong with a setting, or `OSError`.
    """
    if isinstance(error, UnicodeError):  # of a name that no host can have
        return 2, f"TAGLINE_BIND cannot be {bind!r}: it is no address"
    if not isinstance(error, OSError):
        return 2, str(error)
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return 2, f"TAGLINE_BIND cannot be {bind!r}: {error.strerror}"
    return 1, f"cannot serve on {address}: {error.strerror or error}"


async def _serve(
    service: str,
    build: Build,
    address: tuple[str, int],
    unanswered: Unanswered,
    options: dict[str, Any],
    *,
    started: Callable[[], None],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app, health = await build()
    runner = Runner(app, unanswered, **options)
    await runner.setup()
    try:
        site = web.TCPSite(runner, *address, backlog=1024)
        await site.start()
        logger.info("service_started", bind=address[0], port=address[1])
        started()
        await stop.wait()
        # Readiness first, so that nobody new is sent here; then no new connections; then
        # what is under way may end.
        health.draining = True
        logger.info("service_draining", grace_s=options["shutdown_timeout"])
        with contextlib.suppress(RuntimeError):
            await site.stop()
    finally:
        await runner.cleanup()
    logger.info("service_stopped", service=service)
