"""The node of a cluster that serves one key, and all that carry the same hash tag."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import redis.asyncio
import redis.exceptions
from redis.crc import key_slot

from .found import Address, Found, addresses_in, asking, asking_async

SCHEMES: Final = ("redis+cluster", "rediss+cluster")
NODE_PORT: Final = 6379
FORM: Final = "redis+cluster://[[user]:password@]host:port[,host:port…][/0][?options]"

_ASK: Final = ("CLUSTER", "SLOTS")


@dataclass(frozen=True, slots=True)
class SlotOwner(Found):
    """The primary of a slot, as the nodes of its cluster know it."""

    url: str
    slot: int
    nodes: tuple[Address, ...]
    """Some of the cluster: each knows all of it."""

    @classmethod
    def of(cls, url: str, key: str) -> SlotOwner:
        """Return the server of `key`, which holds a hash tag, in the cluster that `url` names.

        The form: `redis+cluster://[[user]:password@]host:port[,host:port…]`, `rediss+cluster` for
        TLS. The options are redis-py's. Raises `ValueError` for another form.
        """
        parts = urlsplit(url)
        credentials, at, hosts = parts.netloc.rpartition("@")
        nodes = addresses_in(hosts, default_port=NODE_PORT)
        if parts.path not in {"", "/", "/0"} or not all(host for host, _ in nodes):
            raise ValueError(f"must be of the form {FORM}")
        if "{" not in key:
            raise ValueError("a cluster needs a namespace with a hash tag, as in {app}")
        scheme = parts.scheme.partition("+")[0]
        plain = f"{scheme}://{credentials}{at}cluster/0{parts.query and '?'}{parts.query}"
        return cls(plain, key_slot(key.encode()), nodes)

    def address(self) -> Address:
        """Ask the nodes, one after the other."""
        for node in self._in_any_order():
            with (
                suppress(redis.exceptions.RedisError),
                redis.Redis.from_url(self._url_of(node), **asking()) as client,
            ):
                if found := self._found(client.execute_command(*_ASK), node):
                    return found
        raise self._unknown()

    async def address_async(self) -> Address:
        """The same for asyncio."""
        for node in self._in_any_order():
            with suppress(redis.exceptions.RedisError):
                async with redis.asyncio.Redis.from_url(
                    self._url_of(node), **asking_async()
                ) as client:
                    if found := self._found(await client.execute_command(*_ASK), node):
                        return found
        raise self._unknown()

    def _in_any_order(self) -> list[Address]:
        """A node cut off from the others knows the old primary: it is not asked each time."""
        return random.sample(self.nodes, len(self.nodes))

    def _url_of(self, node: Address) -> str:
        host, port = node
        parts = urlsplit(self.url)
        credentials, at, _ = parts.netloc.rpartition("@")
        shown = f"[{host}]" if ":" in host else host
        return parts._replace(netloc=f"{credentials}{at}{shown}:{port}").geturl()

    def _found(self, slots: Any, asked: Address) -> Address | None:
        """Read a reply to `CLUSTER SLOTS`: first, last, the primary, its replicas; for each range.

        A node that does not know its own name leaves it out: it is where it was asked.
        """
        for first, last, (host, port, *_), *_ in slots:
            if first <= self.slot <= last:
                name = host.decode() if isinstance(host, bytes) else host
                return name if name not in {None, "", "?"} else asked[0], int(port)
        return None

    def _unknown(self) -> redis.exceptions.ConnectionError:
        return redis.exceptions.ConnectionError(
            f"No node of the cluster tells who serves slot {self.slot}"
        )
