"""Serves what a tagger says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from services.tagger.settings import TaggerSettings
from shared.health import Health
from shared.serve import IDLE_S, LINGER_S
from shared.server import Runner


@asynccontextmanager
async def serving(
    health: Health, settings: TaggerSettings, socket: Path | None = None, *, idle_s: float = IDLE_S
) -> AsyncIterator[None]:
    """Serve `/healthz`, `/readyz` and `/metrics`. Raises `OSError` if the port is taken.

    `socket`: a Unix socket to make, instead of the port. `idle_s`: how long a connection may take
    to send the head of a request.
    """
    app = web.Application()
    app.add_routes(health.routes())
    runner = Runner(app, access_log=None, keepalive_timeout=idle_s, lingering_time=LINGER_S)
    await runner.setup()
    try:
        if socket is None:
            await web.TCPSite(runner, settings.bind, settings.port, backlog=1024).start()
        else:
            await web.UnixSite(runner, socket).start()
        yield
    finally:
        await runner.cleanup()
