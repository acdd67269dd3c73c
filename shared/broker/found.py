"""A server whose address has to be asked for: how connections find it, and find it anew."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final
from urllib.parse import urlsplit

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

ASKED_TIMEOUT_S: Final = 1.0
"""How long who is asked for an address may take; then the next one is asked."""

Address = tuple[str, int]

_ELSEWHERE: Final = (redis.exceptions.ReadOnlyError, redis.exceptions.AskError)
"""This is a replica; or, MOVED and ASK, another node of the cluster serves the key."""


class Found(ABC):
    """The server that `url` means, at an address that others tell."""

    url: str
    """What the connections to it are told, as a URL; its host means nothing."""

    @abstractmethod
    def address(self) -> Address:
        """Ask for host and port. Raises redis-py's `ConnectionError` if nobody knows."""

    @abstractmethod
    async def address_async(self) -> Address:
        """The same for asyncio."""

    def found_by(self, pool: redis.ConnectionPool) -> None:
        """Have the connections of `pool`, made from `url`, ask where the server is."""
        tls = issubclass(pool.connection_class, redis.SSLConnection)
        pool.connection_class = FoundSSLConnection if tls else FoundConnection
        pool.connection_kwargs["server"] = self

    def found_by_async(self, pool: redis.asyncio.ConnectionPool) -> None:
        """The same for asyncio."""
        tls = issubclass(pool.connection_class, redis.asyncio.SSLConnection)
        pool.connection_class = AsyncFoundSSLConnection if tls else AsyncFoundConnection
        pool.connection_kwargs["server"] = self


def asking() -> dict[str, Any]:
    """Return the settings of a connection on which an address is asked for, once."""
    return {**_TIMEOUTS, "retry": Retry(NoBackoff(), 0)}


def asking_async() -> dict[str, Any]:
    """The same for asyncio."""
    return {**_TIMEOUTS, "retry": AsyncRetry(NoBackoff(), 0)}


_TIMEOUTS: Final = {
    "socket_timeout": ASKED_TIMEOUT_S,
    "socket_connect_timeout": ASKED_TIMEOUT_S,
}


def addresses_in(hosts: str, *, default_port: int) -> tuple[Address, ...]:
    """Return host and port of each of `host`, `host:port` or `[v6]:port`, comma-separated.

    Raises `ValueError` for a bad port; a host may be empty.
    """
    parts = [urlsplit(f"//{each}") for each in hosts.split(",")]
    return tuple((each.hostname or "", each.port or default_port) for each in parts)


class FoundConnection(redis.Connection):
    """Asks whenever it connects, and connects anew when it is told that this is the wrong server.

    redis-py's own Sentinel connection asks only when a pool hands it out: sent again after a
    failure, a command would go to the old address.
    """

    def __init__(self, *, server: Found, **settings: Any) -> None:
        self.server = server
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    def connect_check_health(self, *args: Any, **settings: Any) -> None:
        if not self.is_connected:
            self.host, self.port = self.server.address()
        super().connect_check_health(*args, **settings)

    def read_response(self, *args: Any, **settings: Any) -> Any:
        try:
            return super().read_response(*args, **settings)
        except _ELSEWHERE:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise


class FoundSSLConnection(FoundConnection, redis.SSLConnection):
    """The same with TLS."""


class AsyncFoundConnection(redis.asyncio.Connection):
    """The same for asyncio."""

    def __init__(self, *, server: Found, **settings: Any) -> None:
        self.server = server
        super().__init__(**settings)

    async def connect_check_health(self, *args: Any, **settings: Any) -> None:
        if not self.is_connected:
            self.host, self.port = await self.server.address_async()
        await super().connect_check_health(*args, **settings)

    async def read_response(self, *args: Any, **settings: Any) -> Any:
        try:
            return await super().read_response(*args, **settings)
        except _ELSEWHERE:
            await self.disconnect()
            raise


class AsyncFoundSSLConnection(AsyncFoundConnection, redis.asyncio.SSLConnection):
    """The same with TLS."""
