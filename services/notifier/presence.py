"""Says now and then how many sockets there are here, for the statistics."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping

import structlog
from redis.asyncio import Redis

from shared.errors import UnavailableError
from shared.presence import Presence

logger = structlog.stdlib.get_logger()


async def report_forever(redis: Redis, sockets: Mapping[str, int], *, every_s: float) -> None:
    """Report `sockets` (how many, by transport) until cancelled; then take it back."""
    presence, notifier = Presence(redis), secrets.token_hex(8)
    try:
        while True:
            try:
                await presence.report(notifier, sockets)
            except UnavailableError as error:
                logger.warning("presence_not_reported", why=str(error.__cause__ or error))
            await asyncio.sleep(every_s)
    finally:
        try:
            await presence.withdraw(notifier)
        except UnavailableError:
            logger.warning("presence_not_withdrawn")
