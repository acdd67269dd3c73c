"""A TCP proxy before a Redis server that loses replies, holds them back and cuts when told to."""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.support.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 65_536


class Proxy:
    """Hands everything on in both directions, but for the reply that is to be lost.

    `url` is the server's, through the proxy. `lost`: how many replies it has lost so far.
    """

    def __init__(self, server_url: str) -> None:
        parts = urlsplit(server_url)
        self.lead_to(server_url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}{parts.path}"
        self.lost = 0
        self._lose: tuple[bytes, bytes] | None = None
        self._slow_until = 0.0
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._start(self._accept)

    def lead_to(self, server_url: str) -> None:
        """Connect whoever comes from now on to that server."""
        parts = urlsplit(server_url)
        self._server = (parts.hostname or "", parts.port or 0)

    def lose_reply(self, *, request: bytes = b"", reply: bytes = b"") -> None:
        """Lose the next reply that contains `reply`, to a request that contains `request`.

        The server has done what was asked for; the client sees the connection end.
        """
        self._lose = (request, reply)

    def wait_lost(self) -> None:
        wait_until(lambda: self._lose is None, "a reply is lost")

    def hold_back(self, *, for_s: float) -> None:
        """Let no reply through for that time; none is lost."""
        self._slow_until = time.monotonic() + for_s

    def reset(self) -> None:
        """Cut all connections, in the middle of whatever is said."""
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            with suppress(OSError):
                # Closed with nothing to linger for, TCP says RST to the other side.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            _end(each)

    def wait_while_slow(self) -> None:
        """Return when replies are let through."""
        while (left_s := self._slow_until - time.monotonic()) > 0:
            time.sleep(left_s)

    def close(self) -> None:
        # Only shutting it down wakes up who accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            _end(each)
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._sockets |= {client, server}
            _Link(self, client, server)

    def _start(self, run: object) -> None:
        assert callable(run)
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _is_to_lose(self, request: bytes, reply: bytes) -> bool:
        with self._lock:
            if self._lose is None:
                return False
            if self._lose[0] not in request or self._lose[1] not in reply:
                return False
            self._lose = None
            self.lost += 1
            return True


class _Link:
    """One connection of a client. A client sends no request before it has its reply."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._request = b""
        self._ended = 0
        self._lock = threading.Lock()
        proxy._start(self._requests)
        proxy._start(self._replies)

    def _requests(self) -> None:
        with suppress(OSError):
            while chunk := self._client.recv(CHUNK_BYTES):
                self._request = chunk
                self._server.sendall(chunk)
        self._end()

    def _replies(self) -> None:
        with suppress(OSError):
            while chunk := self._server.recv(CHUNK_BYTES):
                if self._proxy._is_to_lose(self._request, chunk):
                    break
                self._proxy.wait_while_slow()
                self._client.sendall(chunk)
        self._end()

    def _end(self) -> None:
        _end(self._client)
        _end(self._server)
        with self._lock:
            self._ended += 1
            both = self._ended == 2  # both directions have ended: nobody uses the sockets
        if both:
            self._client.close()
            self._server.close()
            with self._proxy._lock:
                self._proxy._sockets -= {self._client, self._server}


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy_to(server_url: str) -> Iterator[Proxy]:
    proxy = Proxy(server_url)
    try:
        yield proxy
    finally:
        proxy.close()
