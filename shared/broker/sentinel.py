"""The primary that Sentinels know of: its URL, and how connections find it."""

from __future__ import annotations

import random
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
SENTINEL_PORT: Final = 26379
SENTINEL_TIMEOUT_S: Final = 1.0
UNREACHABLE: Final = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
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
    primary = Primary.of(url)
    parts = urlsplit(primary.url if primary else url)
    if parts.scheme == "unix" and not parts.path:
        raise ValueError("must name a socket, as in unix:///run/redis.sock?db=0")
    if parts.scheme != "unix":
        _check_address(parts)
    _check_options(primary.url if primary else url)


def _check_address(parts: SplitResult) -> None:
    # redis-py takes what it cannot read for database 0, and tells the port that it cannot read:
    # that may be a part of a password.
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("has a port that is not 1 to 65535; write / in a password as %2F")
    if not re.fullmatch(r"/?|/[0-9]+", parts.path):
        raise ValueError("has a database that is no number, as in redis://host:6379/0")


def _check_options(url: str) -> None:
    """Make connections, which opens none."""
    try:
        redis.ConnectionPool.from_url(url).make_connection()
        redis.asyncio.ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError, redis.exceptions.RedisError) as error:
        what = str(error).rpartition("__init__() ")[2]
        raise ValueError(f"has an option that cannot be used: {what}") from None


@dataclass(frozen=True, slots=True)
class Primary:
    """The primary of `service_name`, as its Sentinels know it."""

    url: str
    """What the connections to the primary are told, as a URL; its host means nothing."""

    service_name: str
    sentinels: tuple[tuple[str, int], ...]
    settings: dict[str, Any]
    """Of the connections to the Sentinels: user and password, where they have any."""

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

    def found_by(self, pool: redis.ConnectionPool) -> None:
        """Have the connections of `pool`, made from `url`, ask where the primary is."""
        tls = issubclass(pool.connection_class, redis.SSLConnection)
        pool.connection_class = PrimarySSLConnection if tls else PrimaryConnection
        pool.connection_kwargs["primary"] = self

    def found_by_async(self, pool: redis.asyncio.ConnectionPool) -> None:
        """The same for asyncio."""
        tls = issubclass(pool.connection_class, redis.asyncio.SSLConnection)
        pool.connection_class = AsyncPrimarySSLConnection if tls else AsyncPrimaryConnection
        pool.connection_kwargs["primary"] = self

    def address(self) -> tuple[str, int]:
        """Ask for host and port. Raises redis-py's `ConnectionError` if no Sentinel knows."""
        # Asked only when connecting: no connection is kept, and none shared between threads.
        for host, port in self._in_any_order():
            settings = self._settings_with(Retry(NoBackoff(), 0))
            with redis.Redis(host, port, **settings) as sentinel, suppress(*UNREACHABLE):
                found: Any = sentinel.sentinel_get_master_addr_by_name(self.service_name)
                if found:
                    return _name_and_port(found)
        raise self._unknown()

    async def address_async(self) -> tuple[str, int]:
        """The same for asyncio."""
        for host, port in self._in_any_order():
            settings = self._settings_with(AsyncRetry(NoBackoff(), 0))
            async with redis.asyncio.Redis(host=host, port=port, **settings) as sentinel:
                with suppress(*UNREACHABLE):
                    found: Any = await sentinel.sentinel_get_master_addr_by_name(self.service_name)
                    if found:
                        return _name_and_port(found)
        raise self._unknown()

    def _in_any_order(self) -> list[tuple[str, int]]:
        """A Sentinel cut off from the others knows the old primary: it is not asked each time."""
        return random.sample(self.sentinels, len(self.sentinels))

    def _settings_with(self, retry: object) -> dict[str, Any]:
        return {
            **self.settings,
            "socket_timeout": SENTINEL_TIMEOUT_S,
            "socket_connect_timeout": SENTINEL_TIMEOUT_S,
            "retry": retry,
        }

    def _unknown(self) -> redis.exceptions.ConnectionError:
        return redis.exceptions.ConnectionError(
            f"No Sentinel tells where {self.service_name!r} has its primary"
        )


class PrimaryConnection(redis.Connection):
    """Asks whenever it connects, and connects anew when it is told that this is a replica.

    redis-py's own Sentinel connection asks only when a pool hands it out: sent again after a
    failure, a command would go to the old address.
    """

    def __init__(self, *, primary: Primary, **settings: Any) -> None:
        self.primary = primary
        super().__init__(**settings)  # type: ignore[no-untyped-call]

    def connect_check_health(self, *args: Any, **settings: Any) -> None:
        if not self.is_connected:
            self.host, self.port = self.primary.address()
        super().connect_check_health(*args, **settings)

    def read_response(self, *args: Any, **settings: Any) -> Any:
        try:
            return super().read_response(*args, **settings)
        except redis.exceptions.ReadOnlyError:
            self.disconnect()  # type: ignore[no-untyped-call]
            raise


class PrimarySSLConnection(PrimaryConnection, redis.SSLConnection):
    """The same with TLS."""


class AsyncPrimaryConnection(redis.asyncio.Connection):
    """The same for asyncio."""

    def __init__(self, *, primary: Primary, **settings: Any) -> None:
        self.primary = primary
        super().__init__(**settings)

    async def connect_check_health(self, *args: Any, **settings: Any) -> None:
        if not self.is_connected:
            self.host, self.port = await self.primary.address_async()
        await super().connect_check_health(*args, **settings)

    async def read_response(self, *args: Any, **settings: Any) -> Any:
        try:
            return await super().read_response(*args, **settings)
        except redis.exceptions.ReadOnlyError:
            await self.disconnect()
            raise


class AsyncPrimarySSLConnection(AsyncPrimaryConnection, redis.asyncio.SSLConnection):
    """The same with TLS."""


def _name_and_port(found: Any) -> tuple[str, int]:
    host, port = found
    return host.decode() if isinstance(host, bytes) else host, int(port)


def _address(text: str) -> tuple[str, int]:
    """Return host and port of `host`, `host:port` or `[v6]:port`; ValueError for a bad port."""
    parts = urlsplit(f"//{text}")
    return parts.hostname or "", parts.port or SENTINEL_PORT
