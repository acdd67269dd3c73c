"""Connections of the broker to Redis or Valkey, and what 'away' means to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import redis
import redis.exceptions
from dramatiq.errors import ConnectionClosed
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
MAX_CONNECTIONS = 32

OF_ONE_POOL = frozenset(
    {
        "connection_pool",
        "himport_registry",
        "maint_notifications_config",  # for RESP3 only
        "maint_notifications_pool_handler",
        "orig_host_address",
        "orig_socket_connect_timeout",
        "orig_socket_timeout",
    }
)
"""What redis-py writes into the settings of a pool and must not be in those of another."""

REFUSALS = ("MISCONF ", "NOREPLICAS ", "BUSY ")
"""How replies start that refuse every write for now: no disk, no replicas, a long script."""


class RefusedError(redis.exceptions.ResponseError):
    """The server is there and takes no writes at present."""


AWAY = (
    RefusedError,
    redis.exceptions.ConnectionError,  # LOADING among them
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.MasterDownError,
    redis.exceptions.TryAgainError,
)
"""What is raised when the server is away, restarting, full, refusing or not the primary."""


def connect(url: str) -> redis.Redis:
    """Make a client for commands, none of which is sent again when its reply is lost."""
    pool = redis.BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return redis.Redis.from_pool(pool)


def derive(client: redis.Redis, *, block_ms: int | None = None) -> redis.Redis:
    """Make a client to the same server as `client`, with connections of its own.

    With `block_ms`: one connection for blocking reads of up to that time, never retried,
    because a reader whose reply was lost has to read its pending entries again. Without:
    for scripts that may be run twice, sent again a few times when their replies are lost.
    """
    settings = {
        name: value
        for name, value in client.connection_pool.connection_kwargs.items()
        if name not in OF_ONE_POOL
    }
    # The shapes and types of replies that the broker reads, whatever the client's owner reads.
    settings |= {"protocol": 2, "legacy_responses": True, "decode_responses": False}
    if block_ms is not None:
        settings["socket_timeout"] = block_ms / 1000 + REPLY_TIMEOUT_S
        settings["retry"] = Retry(NoBackoff(), 0)
        most = 1
    else:
        settings["retry"] = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 3)
        most = MAX_CONNECTIONS
    pool = redis.BlockingConnectionPool(
        connection_class=client.connection_pool.connection_class,
        max_connections=most,
        timeout=REPLY_TIMEOUT_S,
        **settings,
    )
    return redis.Redis.from_pool(pool)


def script(client: redis.Redis, name: str) -> Callable[..., Any]:
    """Return the script `lua/<name>.lua`, sent by its hash (and whole when unknown)."""
    text = files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    registered = client.register_script(text)

    def run(*, keys: Sequence[Any], args: Sequence[Any]) -> Any:
        with refusals():
            return registered(keys=keys, args=args)

    return run


@contextmanager
def refusals() -> Iterator[None]:
    """Raise `RefusedError`, one of `AWAY`, where the server takes no writes at present."""
    try:
        yield
    except redis.exceptions.ResponseError as error:
        if str(error).startswith(REFUSALS):
            raise RefusedError(str(error)) from None
        raise


@contextmanager
def translated() -> Iterator[None]:
    """Raise `ConnectionClosed`, which Dramatiq knows, when Redis is away."""
    try:
        with refusals():
            yield
    except AWAY as error:
        raise ConnectionClosed(f"Redis is away: {type(error).__name__}: {error}") from None


def is_missing_group(error: redis.exceptions.ResponseError) -> bool:
    """Whether the streams or their groups are gone: the server was flushed or replaced."""
    return str(error).startswith(("NOGROUP", "UNBLOCKED"))
