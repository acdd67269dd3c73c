"""What goes out to a socket, whatever its transport."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from shared.progress import LaneEntry


@dataclass(frozen=True, slots=True)
class Frame:
    """An event on its way to one socket. `data` is JSON, as it was stored."""

    id: str
    event: bytes
    data: bytes

    @classmethod
    def of(cls, entry: LaneEntry) -> Frame:
        return cls(entry.id, entry.event, entry.data)

    @classmethod
    def connected(cls, position: str, socket_id: str, *, resumed: bool) -> Frame:
        data = {"socketId": socket_id, "resumed": resumed}
        return cls(position, b"connected", orjson.dumps(data))

    @classmethod
    def resync(cls, position: str, reason: str, photos: list[dict[str, Any]]) -> Frame:
        return cls(position, b"resync", orjson.dumps({"reason": reason, "photos": photos}))

    def as_json(self) -> bytes:
        """Return the frame of the plain WebSocket; event names need no escaping."""
        return b'{"id":"%b","event":%b,"data":%b}' % (
            self.id.encode(),
            orjson.dumps(self.event.decode("utf-8", "replace")),
            self.data,
        )
