"""What goes out to a socket, in the words of each transport.

A frame is a lane entry as it was read, or one that only this socket gets. Its data is JSON
already and is never parsed: it is put between what the transport wants around it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from services.notifier.limits import MAX_BYTES
from shared.progress import LaneEntry

CONNECTED = b"connected"


def connected(position: str, socket_id: str, *, resumed: bool) -> LaneEntry:
    """Return the first frame of a connection: what follows `position` is sent after it."""
    data = {"socketId": socket_id, "resumed": resumed}
    return LaneEntry(position, socket_id.encode(), CONNECTED, orjson.dumps(data))


def resync(position: str, socket_id: str, reason: str, photos: list[dict[str, Any]]) -> LaneEntry:
    """Return the frame that stands for all that cannot be told any more.

    `photos`, oldest first: the newest are told, as many as may wait for one socket.
    """
    told: list[bytes] = []
    size_bytes = 0
    for photo in reversed(photos):
        told.append(orjson.dumps(photo))
        size_bytes += len(told[-1])
        if size_bytes > MAX_BYTES:
            break  # as everywhere, what passes the limit is the last that is taken
    data = b'{"reason":%b,"photos":[%b]}' % (orjson.dumps(reason), b",".join(reversed(told)))
    return LaneEntry(position, socket_id.encode(), b"resync", data)


def as_json(frame: LaneEntry) -> bytes:
    """Return `frame` for the plain WebSocket."""
    return b'{"id":"%b","event":%b,"data":%b}' % (
        frame.id.encode(),
        _quoted(frame.event),
        frame.data,
    )


def as_packet(frame: LaneEntry, *, ids: bool) -> bytes:
    """Return `frame` as an Engine.IO message (4) with a Socket.IO event (2, protocol 5)."""
    if ids:
        return b'42[%b,%b,"%b"]' % (_quoted(frame.event), frame.data, frame.id.encode())
    return b"42[%b,%b]" % (_quoted(frame.event), frame.data)


def as_server_sent(frame: LaneEntry) -> bytes:
    """Return `frame` as an event of a `text/event-stream`."""
    data = frame.data
    if b"\n" in data or b"\r" in data:  # JSON that was written over several lines
        data = b"\ndata: ".join(data.splitlines())
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        frame.id.encode(),
        frame.event.replace(b"\n", b" ").replace(b"\r", b" "),
        data,
    )


@lru_cache(maxsize=256)
def _quoted(event: bytes) -> bytes:
    return orjson.dumps(event.decode("utf-8", "replace"))
