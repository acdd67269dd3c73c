"""The forms in which a server is named, and which of them its address has to be asked for."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

import redis.asyncio
import redis.exceptions

from . import cluster, sentinel
from .cluster import SlotOwner
from .found import Found
from .sentinel import Primary

PLAIN: Final = ("redis", "rediss", "unix")


def found(url: str, *, key: str) -> Found | None:
    """Return the server that `url` names for `key`; None if it names the server itself.

    Raises `ValueError` for Sentinels or a cluster of another form than theirs.
    """
    scheme = urlsplit(url).scheme
    if scheme in sentinel.SCHEMES:
        return Primary.of(url)
    return SlotOwner.of(url, key) if scheme in cluster.SCHEMES else None


def check_url(url: str) -> None:
    """Raise `ValueError`, with a line that says what is possible, for a URL nobody here takes."""
    if urlsplit(url).scheme not in {*PLAIN, *sentinel.SCHEMES, *cluster.SCHEMES}:
        raise ValueError(
            "must start with redis://, rediss:// or unix://, or be "
            "redis+sentinel://host:port,host:port/service or redis+cluster://host:port,host:port "
            "(rediss+ for TLS)"
        )
    server = found(url, key="{any}")
    plain = server.url if server else url
    parts = urlsplit(plain)
    if parts.scheme == "unix" and not parts.path:
        raise ValueError("must name a socket, as in unix:///run/redis.sock?db=0")
    if parts.scheme != "unix":
        _check_address(parts)
    _check_options(plain)


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


def _check_certificates(connection: redis.asyncio.SSLConnection) -> None:
    # Read at every connection: one that cannot be would look like a server that is away.
    try:
        connection.ssl_context.get()
    except (OSError, ValueError, redis.exceptions.RedisError) as error:
        raise ValueError(
            f"names ssl_ca_certs, ssl_certfile or ssl_keyfile that cannot be used: {error}"
        ) from None


def _check_options(url: str) -> None:
    """Make connections, which opens none."""
    try:
        pool = redis.ConnectionPool.from_url(url)
        pool.make_connection()
        connection = redis.asyncio.ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError, redis.exceptions.RedisError) as error:
        what = str(error).rpartition("__init__() ")[2]
        raise ValueError(f"has an option that cannot be used: {what}") from None
    if isinstance(connection, redis.asyncio.SSLConnection):
        _check_certificates(connection)
    if pool.get_encoder().decode_responses:
        raise ValueError("has an option that cannot be used: replies are read as bytes")
