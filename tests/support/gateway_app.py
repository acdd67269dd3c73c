"""The gateway's routes in the test's own process, for what cannot be had from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.typedefs import Middleware

from services.gateway.callers import keyed
from services.gateway.errors import problems, unanswered, whole
from shared.callers import ApiKeys
from shared.server import Runner


@asynccontextmanager
async def serving(
    routes: Iterable[web.AbstractRouteDef],
    *middlewares: Middleware,
    unread_s: float = 30,
    lingering_s: float = 0.1,
) -> AsyncIterator[str]:
    """Serve `routes` to everybody, as the gateway does; yields the URL."""
    app = web.Application(middlewares=[problems, whole, *middlewares, keyed(ApiKeys(()))])
    app.add_routes(routes)
    runner = Runner(
        app,
        unanswered,
        unread_s=unread_s,
        access_log=None,
        shutdown_timeout=1,
        lingering_time=lingering_s,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()
