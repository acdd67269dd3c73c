"""Sends sockets away: as the notifier stops, and where a key may have been taken back."""

from __future__ import annotations

from aiohttp import web

from services.notifier.admission import Admission
from services.notifier.closing import Close
from services.notifier.hub import Hub
from services.notifier.socketio_route import SocketIORoute


class Leaving:
    """Closes the sockets over `over_s`; they resume here or elsewhere, and miss nothing."""

    def __init__(
        self,
        hub: Hub,
        socketio: SocketIORoute,
        admission: Admission,
        *,
        over_s: float,
        grace_s: float,
    ) -> None:
        self._hub = hub
        self._socketio = socketio
        self._admission = admission
        self._over_s = over_s
        self._grace_s = grace_s

    async def readmit(self) -> None:
        """Have all come back: who may not any more is refused."""
        # Of the socket nothing tells which secret opened it.
        await self._send_away(self._over_s)

    async def drain(self, _app: web.Application) -> None:
        """Let nobody in any more, and send away who is here."""
        self._admission.draining = True
        # A part of the time there is: the sockets that do not answer have to be cut off in it.
        await self._send_away(min(self._over_s, self._grace_s / 4))

    async def _send_away(self, over_s: float) -> None:
        await self._hub.close_all(Close.GOING_AWAY, over_s=over_s)
        self._socketio.close_all(Close.GOING_AWAY)
