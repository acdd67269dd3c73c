"""Engine.IO, protocol 4: one text connection, over long polling or a WebSocket.

https://github.com/socketio/engine.io-protocol. What is spoken over it is `socketio.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import orjson

from services.notifier.admission import Slot
from services.notifier.closing import Close
from services.notifier.limits import MAX_MESSAGE_BYTES, MESSAGES_A_SECOND, Bucket, Timing
from services.notifier.polling import Polling
from services.notifier.textsocket import TextSocket

CLOSE: Final = b"1"
PING: Final = b"2"
NOOP: Final = b"6"
PROBE: Final = "2probe"
PROBE_ANSWER: Final = b"3probe"
UPGRADE: Final = "5"
DISCONNECTED: Final = b"41"


class EngineSocket:
    """One Engine.IO session: polled at first, maybe, then over a WebSocket.

    `on_message` gets what the client says; `on_end` is called once, when it is over.
    """

    def __init__(
        self, sid: str, caller: str, slot: Slot, timing: Timing, *, on_end: Callable[[], None]
    ) -> None:
        self.sid = sid
        self.caller = caller
        self.polling = Polling(timing)
        self.socket: TextSocket | None = None
        self.upgrading = False
        """Whether a WebSocket has come that may take over from polling; one may at a time."""
        self.ended = False
        self._probed = False
        self._closing = False
        self.on_message: Callable[[str], None] = lambda _: None
        self._slot = slot
        self._timing = timing
        self._on_end = on_end
        self._on_stall: Callable[[], None] = self.end
        self._allowed = Bucket(MESSAGES_A_SECOND)
        self.polling.watch(self._stall)
        self._timer = self._later(timing.ping_every_s, self._ping)

    # Outwards

    def handshake(self, *, upgrades: bool) -> bytes:
        """Return the first packet, which tells the client how this goes on."""
        return b"0" + orjson.dumps(
            {
                "sid": self.sid,
                "upgrades": ["websocket"] if upgrades else [],
                "pingInterval": round(self._timing.ping_every_s * 1000),
                "pingTimeout": round(self._timing.pong_within_s * 1000),
                "maxPayload": MAX_MESSAGE_BYTES,
            }
        )

    def send(self, packet: bytes) -> bool:
        """Send `packet`; False, and not sent, if too much waits already."""
        return self.socket.send(packet) if self.socket else self.polling.send(packet)

    def send_all(self, packets: Sequence[bytes]) -> bool:
        """Send `packets`; False if too much waits, and some were not sent."""
        if self.socket:
            return self.socket.send_all(packets)
        return all(self.polling.send(packet) for packet in packets)

    async def room(self) -> None:
        """Wait until nothing waits to be sent, or this is over."""
        await (self.socket.room() if self.socket else self.polling.room())

    def watch(self, on_stall: Callable[[], None]) -> None:
        """Have `on_stall` called when the client takes nothing for too long."""
        self._on_stall = on_stall

    def close(self, code: Close) -> None:
        """Close it soon. A client that is to stay away is disconnected from its namespace.

        The protocol knows no codes: over a WebSocket its own close carries `code`. A client
        whose transport ends connects again by itself; one that was disconnected does not.
        """
        last = () if code.comes_back else (DISCONNECTED,)
        if self.socket:
            for packet in last:
                self.socket.send(packet)
            self.socket.close(code)
        elif not self._closing:
            self._closing = True
            self.polling.stop(*last, CLOSE)
            self._timer.cancel()
            self._timer = self._later(self._timing.close_within_s, self.end)

    # Inwards

    def receive(self, packet: str) -> None:
        """Take a packet of the client; one that it should not have sent ends all."""
        if self._closing:
            return  # a sign of life is no reason to wait any longer
        if not self._allowed.take():
            self.close(Close.TOO_MANY)
        elif packet.startswith("4"):
            self.on_message(packet[1:])
        elif packet.startswith("3"):
            self._timer.cancel()
            self._timer = self._later(self._timing.ping_every_s, self._ping)
        elif not packet.startswith(("6", "b")):  # a close (1), or what has no place here
            self.end()
        # A noop (6), and bytes (b), which are attachments of events, have nobody to hear them.

    async def poll(self) -> list[bytes]:
        """Wait for packets that a GET can carry away."""
        if self._probed:
            return [NOOP]
        try:
            return await self.polling.fetch() or [CLOSE]
        except asyncio.CancelledError:
            self.end()  # the connection of the GET is lost, and what it might have carried
            raise

    async def listen(self, socket: TextSocket) -> None:
        """Go on over `socket`, from the start, until it closes."""
        self._move_to(socket)
        await self._hear(socket)

    async def upgrade(self, socket: TextSocket) -> None:
        """Move from polling to `socket`, if it keeps to the protocol, and listen to it."""
        try:
            async with asyncio.timeout(self._timing.connect_within_s):
                moved = await self._probe(socket)
        except TimeoutError:
            moved = False
        finally:
            self.upgrading = self._probed = False
        if not moved or self.ended:
            socket.close(Close.BAD_PROTOCOL)
            return
        self._move_to(socket)
        await self._hear(socket)

    def end(self) -> None:
        """End it without waiting for the client."""
        if not self.ended:
            self.ended = True
            self._timer.cancel()
            self._slot.leave()
            self.polling.stop(CLOSE)
            if self.socket:
                self.socket.cut()
            self._on_end()

    # The steps of the above

    async def _probe(self, socket: TextSocket) -> bool:
        if await socket.receive() != PROBE:
            return False
        self._probed = True
        socket.send(PROBE_ANSWER)
        if self.polling.fetching:  # so that the client's GET ends, and it can move
            self.polling.send(NOOP)
        return await socket.receive() == UPGRADE

    async def _hear(self, socket: TextSocket) -> None:
        while (message := await socket.receive()) is not None:
            if isinstance(message, str):  # bytes are attachments of events that nobody listens to
                self.receive(message)

    def _move_to(self, socket: TextSocket) -> None:
        socket.watch(self._stall)
        packets = self.polling.take()
        self.socket = socket
        for packet in packets:
            socket.send(packet)

    def _stall(self) -> None:
        self._on_stall()

    def _ping(self) -> None:
        self.send(PING)
        self._timer = self._later(self._timing.pong_within_s, self.end)

    @staticmethod
    def _later(delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(delay_s, call)
