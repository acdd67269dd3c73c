"""Follows a socket through everything that can happen to its connections."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus
from typing import Final

import aiohttp

from cli.errors import TaglineError
from cli.transports import Cursor, Event, LostError, polling, server_sent, websocket

LADDER: Final = (websocket, server_sent, polling)
"""From the best to the one that gets through everywhere."""

PATIENCE_S: Final = 300.0
"""How long a server that was there may be away."""

BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MOST_S: Final = 15.0

STAY_AWAY: Final = {
    1002: "the server does not understand this client",
    1009: "this client has sent too much",
    4001: "another connection has taken this socket over",
}
ANEW: Final = 4400
"""The close code that says: the server makes no sense of what was to be resumed."""

PAUSE_S: Final = {1013: 1.0, 4429: 1.0}
"""Close codes after which it makes no sense to be back at once."""

REFUSALS: Final = {401: "an API key is needed", 403: "the server refuses this client"}
BUSY: Final = {429, 503}


def backoff_s(tries: int) -> float:
    """Return a pause by chance, up to a limit that doubles: many clients do not come at once."""
    most_s = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(tries, 10))
    return random.uniform(0, most_s)  # noqa: S311


async def follow(
    web: aiohttp.ClientSession, url: str, cursor: Cursor
) -> AsyncGenerator[Event, None]:
    """Yield the events after `cursor`, each once and in order; `cursor` moves along.

    `connected` comes first, and again only if it says that the socket begins anew: the same
    one, then `resync` follows, whose photos replace what was heard before; or another one,
    where the server makes no sense of the cursor. Raises `TaglineError` when
    the server does not want this socket back, stays away for `PATIENCE_S`, or is another one.
    """
    rung, tries, failures, heard_at_s = 0, 0, 0, time.monotonic()
    met = bool(cursor.socket_id)
    while True:
        begun, lost = False, LostError()
        try:
            async with aclosing(LADDER[rung](web, url, cursor)) as events:
                async for event in events:
                    if _is_news(event, cursor, begun=begun):
                        yield event
                    begun, tries, failures, heard_at_s = True, 0, 0, time.monotonic()
                    met = True
        except (LostError, aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
            lost = error if isinstance(error, LostError) else lost
            _give_up_if_told(lost)
            away_s = time.monotonic() - heard_at_s
            if away_s > PATIENCE_S or (lost.status is None and not met):
                why = f"cannot reach {url}: {error}"
                raise TaglineError(0, "unreachable", why) from None
            if lost.code == ANEW and cursor.socket_id:
                cursor.socket_id = cursor.position = ""
                continue
            if not begun and _seems_barred(lost):
                rung, failures = (rung + 1) % len(LADDER), failures + 1
                if failures < len(LADDER):
                    continue
                if not met and lost.status == HTTPStatus.NOT_FOUND:
                    why = f"{url} is no notifier of Tagline: it answered {lost.status}"
                    raise TaglineError(lost.status, "unreachable", why) from None
        least_s = max(lost.retry_after_s, PAUSE_S.get(lost.code or 0, 0))
        await asyncio.sleep(least_s + backoff_s(tries))
        tries += 1


def _is_news(event: Event, cursor: Cursor, *, begun: bool) -> bool:
    """Move `cursor` to `event`; False if it was heard before."""
    if event.name == "connected":
        known = bool(cursor.socket_id) and event.data["resumed"]
        cursor.socket_id, cursor.position = event.data["socketId"], event.id
        return not known
    if event.name != "resync" and begun and _place(event.id) <= _place(cursor.position):
        return False
    cursor.position = event.id
    return True


def _place(event_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = event_id.partition("-")
    return int(milliseconds), int(sequence)


def _seems_barred(lost: LostError) -> bool:
    """Say whether something answers, but not the notifier: one that closes says why."""
    return lost.code is None and lost.status is not None and lost.status not in BUSY


def _give_up_if_told(lost: LostError) -> None:
    if lost.code in STAY_AWAY:
        raise TaglineError(0, "closed", STAY_AWAY[lost.code]) from None
    if lost.status in REFUSALS:
        raise TaglineError(lost.status, "refused", REFUSALS[lost.status]) from None
