"""What goes out to a socket, in the words of each transport.

A frame is a lane entry as it was read, or one that only this socket gets. Its data is JSON
already: it is put between what the transport wants around it, byte for byte.
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
        _readable(frame.data),
    )


def as_packet(frame: LaneEntry, *, ids: bool) -> bytes:
    """Return `frame` as an Engine.IO message (4) with a Socket.IO event (2, protocol 5)."""
    event, data = _quoted(frame.event), _readable(frame.data)
    if ids:
        return b'42[%b,%b,"%b"]' % (event, data, frame.id.encode())
    return b"42[%b,%b]" % (event, data)


def as_server_sent(frame: LaneEntry) -> bytes:
    """Return `frame` as an event of a `text/event-stream`."""
    data = _readable(frame.data)
    if b"\n" in data or b"\r" in data:  # JSON that was written over several lines
        data = b"\ndata: ".join(data.splitlines())
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        frame.id.encode(),
        _one_line(frame.event),
        data,
    )


@lru_cache(maxsize=256)
def _quoted(event: bytes) -> bytes:
    return orjson.dumps(event.decode("utf-8", "replace"))


@lru_cache(maxsize=256)
def _one_line(event: bytes) -> bytes:
    name = event.decode("utf-8", "replace")
    return name.replace("\n", " ").replace("\r", " ").encode()


def _readable(data: bytes) -> bytes:
    """Return `data` as it is; if somebody has written what is no JSON, its text as a JSON string.

    A client that cannot read an event ends the connection, comes back, and is sent it again.
    """
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return orjson.dumps(data.decode("utf-8", "replace"))
    return data
