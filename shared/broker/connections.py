"""Connections of the broker to Redis or Valkey, and what 'away' means to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import redis
import redis.exceptions
from dramatiq.errors import ConnectionClosed
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from .urls import found

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
BLOCKED_REPLY_TIMEOUT_S = 2.0
"""How long the reply to a blocking read may be overdue: then the server is away."""

MAX_CONNECTIONS = 32

OF_ONE_POOL = frozenset(
    {
        "himport_registry",
        "maint_notifications_config",  # for RESP3 only
        "maint_notifications_pool_handler",
        "orig_host_address",
        "orig_socket_connect_timeout",
        "orig_socket_timeout",
    }
)
"""What redis-py writes into the settings of a pool and must not be in those of another."""

AWAY = (
    redis.exceptions.ConnectionError,  # LOADING, and Sentinels that know no primary, among them
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    redis.exceptions.TryAgainError,
    redis.exceptions.AskError,  # and MOVED: whoever connects anew asks who serves the key
)
"""What redis-py raises when the server is away, restarting, full or not the primary."""

REFUSALS = re.compile(
    r"(.* of pipeline caused error: (\(['\"])?)?"
    r"(MISCONF |NOREPLICAS |BUSY |Protocol error: unauthenticated)",
    re.DOTALL,
)
"""How replies begin, for which redis-py has no class, that refuse what is taken later: the disk
does not take it, the replicas are missing, a script runs for too long, and the server has come to
want a password, which it says in these words of commands with more than ten arguments. Of a
pipeline, redis-py says before it which command was refused."""


def is_away(error: BaseException) -> bool:
    """Whether `error` says that the server cannot do now what it will do later.

    This is the one place that decides it, for whoever talks to the server.
    """
    # A script that is missing right after it was loaded: the server died in between.
    if isinstance(error, (*AWAY, redis.exceptions.NoScriptError)):
        return True
    return isinstance(error, redis.exceptions.ResponseError) and bool(REFUSALS.match(str(error)))


def connect(url: str, *, key: str = "dramatiq") -> redis.Redis:
    """Make a client for commands, none of which is sent again when its reply is lost.

    `key`: what all keys begin with; in a cluster, the client is that of its hash tag's node.
    Raises `ValueError` if `url` is none that redis-py or `found` takes.
    """
    server = found(url, key=key)
    pool = redis.BlockingConnectionPool.from_url(
        server.url if server else url,
        max_connections=MAX_CONNECTIONS,
        timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    if server:
        server.found_by(pool)
    return redis.Redis.from_pool(pool)


def derive(
    client: redis.Redis, *, block_ms: int | None = None, patience_s: float = REPLY_TIMEOUT_S
) -> redis.Redis:
    """Make a client to the same server as `client`, with connections of its own.

    With `block_ms`: one connection for blocking reads of up to that time, never retried,
    because a reader whose reply was lost has to read its pending entries again. Without:
    for scripts that may be run twice, sent again a few times when their replies are lost,
    which they are after `patience_s`.
    """
    settings = {
        name: value
        for name, value in client.connection_pool.connection_kwargs.items()
        if name not in OF_ONE_POOL
    }
    # The shapes and types of replies that the broker reads, whatever the client's owner reads.
    settings |= {"protocol": 2, "legacy_responses": True, "decode_responses": False}
    if block_ms is not None:
        settings["socket_timeout"] = block_ms / 1000 + BLOCKED_REPLY_TIMEOUT_S
        settings["retry"] = Retry(NoBackoff(), 0)
        most = 1
    else:
        settings["socket_timeout"] = patience_s
        settings["retry"] = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 3)
        most = MAX_CONNECTIONS
    pool = redis.BlockingConnectionPool(
        connection_class=client.connection_pool.connection_class,
        max_connections=most,
        timeout=REPLY_TIMEOUT_S,
        **settings,
    )
    return redis.Redis.from_pool(pool)


def script(client: redis.Redis, name: str) -> Script:
    """Return the script `lua/<name>.lua`, sent by its hash (and whole when unknown)."""
    return client.register_script(_text_of(name))


@cache
def _text_of(name: str) -> str:
    return files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


@contextmanager
def translated() -> Iterator[None]:
    """Raise `ConnectionClosed`, which Dramatiq knows, when Redis is away."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        if not is_away(error):
            raise
        raise ConnectionClosed(f"Redis is away: {type(error).__name__}: {error}") from None


def is_missing_group(error: redis.exceptions.RedisError) -> bool:
    """Whether a stream or its group is gone: paused, resumed, flushed, or another server."""
    return str(error).startswith(("NOGROUP", "UNBLOCKED"))
