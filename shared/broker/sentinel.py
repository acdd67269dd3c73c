"""The primary that Sentinels know of: its URL, and who is asked where it is."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis.asyncio
import redis.exceptions

from .found import Address, Found, addresses_in, asking, asking_async

SCHEMES: Final = ("redis+sentinel", "rediss+sentinel")
SENTINEL_PORT: Final = 26379
UNREACHABLE: Final = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)
FORM: Final = "redis+sentinel://[[user]:password@]host:port[,host:port…]/service[/db][?options]"


@dataclass(frozen=True, slots=True)
class Primary(Found):
    """The primary of `service_name`, as its Sentinels know it."""

    url: str
    service_name: str
    sentinels: tuple[Address, ...]
    settings: dict[str, Any]
    """Of the connections to the Sentinels: user and password, where they have any."""

    @classmethod
    def of(cls, url: str) -> Primary:
        """Return the primary that `url` names.

        The form: `redis+sentinel://[[user]:password@]host:port[,host:port…]/service[/db]`,
        `rediss+sentinel` for TLS to the primary. The options are redis-py's, besides
        `sentinel_username` and `sentinel_password`. Raises `ValueError` for another form.
        """
        parts = urlsplit(url)
        credentials, at, hosts = parts.netloc.rpartition("@")
        service, _, database = parts.path.strip("/").partition("/")
        sentinels = addresses_in(hosts, default_port=SENTINEL_PORT)
        if not service or not all(host for host, _ in sentinels) or not (database or "0").isdigit():
            raise ValueError(f"must be of the form {FORM}")
        options = dict(parse_qsl(parts.query))
        settings = {
            name: options.pop(f"sentinel_{name}")
            for name in ("username", "password")
            if f"sentinel_{name}" in options
        }
        query = f"?{urlencode(options)}" if options else ""
        scheme = parts.scheme.partition("+")[0]
        plain = f"{scheme}://{credentials}{at}{service}/{database or 0}{query}"
        return cls(plain, service, sentinels, settings)

    def address(self) -> Address:
        """Ask the Sentinels, one after the other."""
        # Asked only when connecting: no connection is kept, and none shared between threads.
        for host, port in self._in_any_order():
            settings = {**self.settings, **asking()}
            with redis.Redis(host, port, **settings) as sentinel, suppress(*UNREACHABLE):
                found: Any = sentinel.sentinel_get_master_addr_by_name(self.service_name)
                if found:
                    return _name_and_port(found)
        raise self._unknown()

    async def address_async(self) -> Address:
        """The same for asyncio."""
        for host, port in self._in_any_order():
            settings = {**self.settings, **asking_async()}
            async with redis.asyncio.Redis(host=host, port=port, **settings) as sentinel:
                with suppress(*UNREACHABLE):
                    found: Any = await sentinel.sentinel_get_master_addr_by_name(self.service_name)
                    if found:
                        return _name_and_port(found)
        raise self._unknown()

    def _in_any_order(self) -> list[Address]:
        """A Sentinel cut off from the others knows the old primary: it is not asked each time."""
        return random.sample(self.sentinels, len(self.sentinels))

    def _unknown(self) -> redis.exceptions.ConnectionError:
        return redis.exceptions.ConnectionError(
            f"No Sentinel tells where {self.service_name!r} has its primary"
        )


def _name_and_port(found: Any) -> Address:
    host, port = found
    return host.decode() if isinstance(host, bytes) else host, int(port)
