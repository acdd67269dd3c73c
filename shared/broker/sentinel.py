"""The primary that Sentinels know of: its URL, and how connections find it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SENTINEL_PORT: Final = 26379
SENTINEL_TIMEOUT_S: Final = 1.0
FORM: Final = "redis+sentinel://[[user]:password@]host:port[,host:port…]/service[/db][?options]"


def check_url(url: str) -> None:
    """Raise `ValueError`, with a line that says what is possible, for a URL nobody here takes."""
    scheme = urlsplit(url).scheme
    if "cluster" in scheme:
        raise ValueError(
            "cannot be a cluster: name one primary by redis://, rediss:// or unix://, "
            "or Sentinels by redis+sentinel://"
        )
    if scheme not in SCHEMES:
        raise ValueError(
            "must start with redis://, rediss:// or unix://, or be "
            "redis+sentinel://host:port,host:port/service (rediss+sentinel:// for TLS)"
        )
    Primary.of(url)


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary of `service_name`, as its Sentinels know it.

    Given as `connection_pool` to redis-py's Sentinel-managed connections, in place of a pool
    of its own kind: each connection asks where the primary is when it connects, and connects
    anew when it is told that it talks to a replica. So any pool can hold them.
    """

    url: str
    """What the connections to the primary are told, as a URL; its host means nothing."""

    service_name: str
    sentinels: tuple[tuple[str, int], ...]
    settings: dict[str, Any]
    """Of the connections to the Sentinels: user and password, where they have any."""

    is_master: bool = True
    check_connection: bool = False

    @classmethod
    def of(cls, url: str) -> Primary | None:
        """Return the primary that `url` names; None if it names no Sentinels.

        The form: `redis+sentinel://[[user]:password@]host:port[,host:port…]/service[/db]`,
        `rediss+sentinel` for TLS to the primary. The options are redis-py's, besides
        `sentinel_username` and `sentinel_password`. Raises `ValueError` for another form.
        """
        parts = urlsplit(url)
        scheme, _, kind = parts.scheme.partition("+")
        if kind != "sentinel" or parts.scheme not in SCHEMES:
            return None
        credentials, at, hosts = parts.netloc.rpartition("@")
        service, _, database = parts.path.strip("/").partition("/")
        sentinels = tuple(_address(each) for each in hosts.split(","))
        if not service or not all(host for host, _ in sentinels) or not (database or "0").isdigit():
            raise ValueError(f"must be of the form {FORM}")
        options = dict(parse_qsl(parts.query))
        settings = {
            name: options.pop(f"sentinel_{name}")
            for name in ("username", "password")
            if f"sentinel_{name}" in options
        }
        query = f"?{urlencode(options)}" if options else ""
        plain = f"{scheme}://{credentials}{at}{service}/{database or 0}{query}"
        return cls(plain, service, sentinels, settings)

    @property
    def connection_class(self) -> type[redis.sentinel.SentinelManagedConnection]:
        if self.url.startswith("rediss:"):
            return redis.sentinel.SentinelManagedSSLConnection
        return redis.sentinel.SentinelManagedConnection

    def get_master_address(self) -> tuple[str, int]:
        """Ask for host and port. Raises redis-py's `ConnectionError` if no Sentinel knows."""
        sentinel = redis.sentinel.Sentinel(
            self.sentinels, sentinel_kwargs=self._settings(Retry(NoBackoff(), 0))
        )
        # Asked only when connecting: no connection is kept, and none shared between threads.
        with sentinel:
            address: tuple[str, int] = sentinel.discover_master(self.service_name)
        return address

    def _settings(self, retry: object) -> dict[str, Any]:
        return {
            **self.settings,
            "socket_timeout": SENTINEL_TIMEOUT_S,
            "socket_connect_timeout": SENTINEL_TIMEOUT_S,
            "retry": retry,
        }


@dataclass(frozen=True, slots=True)
class AsyncPrimary:
    """The same for asyncio."""

    primary: Primary
    is_master: bool = True
    check_connection: bool = False

    @property
    def connection_class(self) -> type[redis.asyncio.sentinel.SentinelManagedConnection]:
        if self.primary.url.startswith("rediss:"):
            return redis.asyncio.sentinel.SentinelManagedSSLConnection
        return redis.asyncio.sentinel.SentinelManagedConnection

    async def get_master_address(self) -> tuple[str, int]:
        """Ask for host and port. Raises redis-py's `ConnectionError` if no Sentinel knows."""
        settings = self.primary._settings(AsyncRetry(NoBackoff(), 0))  # noqa: SLF001  # the same
        async with redis.asyncio.sentinel.Sentinel(
            self.primary.sentinels, sentinel_kwargs=settings
        ) as sentinel:
            address: tuple[str, int] = await sentinel.discover_master(self.primary.service_name)
        return address


def _address(text: str) -> tuple[str, int]:
    """Return host and port of `host`, `host:port` or `[v6]:port`; ValueError for a bad port."""
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or SENTINEL_PORT
