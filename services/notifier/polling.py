"""What waits for the next GET of an Engine.IO client that polls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.notifier.limits import MAX_BYTES, MAX_FRAMES, Timing


class Polling:
    """Packets for a client that fetches them; as bounded as an `Outbox`."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._waiting: list[bytes] = []
        self._size_bytes = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._stopped = False
        self._stalled: asyncio.TimerHandle | None = None
        self._on_stall: Callable[[], None] = self.stop
        self._stamp = ""
        self.fetching = False
        """Whether a GET waits for packets."""

    def begin(self, stamp: str) -> bool:
        """Say whether a GET with `stamp`, its `t`, is a new one.

        Clients send another `t` each time. Where the same comes twice, a browser or a proxy has
        repeated a GET whose connection broke, and what its first answer carried is lost.
        """
        known, self._stamp = self._stamp, stamp
        return not stamp or stamp != known

    def send(self, packet: bytes) -> bool:
        """Keep `packet` for the next GET; False, and not kept, if too much waits already."""
        if self._stopped:
            return True
        if len(self._waiting) >= MAX_FRAMES or self._size_bytes > MAX_BYTES:
            return False
        self._keep(packet)
        return True

    async def room(self) -> None:
        """Wait until nothing waits to be fetched."""
        await self._emptied.wait()

    def watch(self, on_stall: Callable[[], None]) -> None:
        """Have `on_stall` called when packets are not fetched for too long."""
        self._on_stall = on_stall

    def stop(self, *last: bytes) -> None:
        """Forget what waits, keep `last`, and nothing more."""
        if not self._stopped:
            self.take()
            for packet in last:
                self._keep(packet)
            self._stopped = True
            self._forget_stall()

    async def fetch(self) -> list[bytes]:
        """Wait for packets and take them all; none once it has stopped and all were taken."""
        self.fetching = True
        try:
            if not self._stopped:
                await self._filled.wait()
        finally:
            self.fetching = False
        return self.take()

    def take(self) -> list[bytes]:
        """Take all that waits."""
        packets, self._waiting, self._size_bytes = self._waiting, [], 0
        self._filled.clear()
        self._emptied.set()
        self._forget_stall()
        return packets

    def _keep(self, packet: bytes) -> None:
        self._waiting.append(packet)
        self._size_bytes += len(packet)
        self._filled.set()
        self._emptied.clear()
        if self._stalled is None:
            loop = asyncio.get_running_loop()
            self._stalled = loop.call_later(self._timing.stalled_after_s, self._stall)

    def _forget_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _stall(self) -> None:
        self._stalled = None
        self._on_stall()
