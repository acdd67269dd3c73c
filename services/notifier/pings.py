"""Asks WebSockets by turns whether they are there, and cuts off those that do not answer."""

from __future__ import annotations

import asyncio
from typing import Final

from services.notifier.limits import Timing
from services.notifier.textsocket import TextSocket

TURNS: Final = 23
"""Over how many turns the pings of one period are spread; a prime, as places in memory are not."""


class Pings:
    """The sockets that are pinged, every one once in `timing.ping_every_s`.

    One timer for all: one for each socket would cost more than anything else about it does.
    """

    def __init__(self, timing: Timing) -> None:
        self._turn_s = timing.ping_every_s / TURNS
        self._patience = max(1, min(TURNS - 1, round(timing.pong_within_s / self._turn_s)))
        self._turns: list[set[TextSocket]] = [set() for _ in range(TURNS)]
        self._turn = 0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: TextSocket) -> None:
        """Ping `socket` from now on."""
        self._sharing_a_turn_with(socket).add(socket)
        self._count += 1
        if self._timer is None:
            self._wait()

    def remove(self, socket: TextSocket) -> None:
        """Leave `socket` alone, which was added."""
        self._sharing_a_turn_with(socket).remove(socket)
        self._count -= 1
        if not self._count and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sharing_a_turn_with(self, socket: TextSocket) -> set[TextSocket]:
        # By hash: a crowd that came at once is spread, too.
        return self._turns[hash(socket) % TURNS]

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._turn_s, self._next)

    def _next(self) -> None:
        self._turn = (self._turn + 1) % TURNS
        for socket in self._turns[self._turn]:
            socket.ping()
        for socket in self._turns[self._turn - self._patience]:
            if socket.silent:
                socket.cut()
        self._wait()
