"""Connections to Redis or Valkey, and what 'away' means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import redis.exceptions
import structlog
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.commands.core import AsyncScript

from shared import keys
from shared.broker import AWAY, found, is_away
from shared.errors import UnavailableError
from shared.metrics import REDIS_ERRORS
from shared.scripts import text_of
from shared.together import Together

__all__ = [
    "AWAY",
    "away_is_unavailable",
    "check_keeps_all",
    "closing",
    "connect",
    "connect_blocking",
    "durability",
    "once_there",
    "script",
]

CONNECT_TIMEOUT_S = 2.0
REPLY_TIMEOUT_S = 5.0
RETRY_CAP_S = 0.5
START_PAUSE_S = 0.5

AGAIN = tuple(each for each in AWAY if each is not redis.exceptions.TimeoutError)

NO_EVICTION = "noeviction"
_EVICTS = (
    "its maxmemory-policy is {}, by which a full server throws accepted photos away; "
    "it must be noeviction"
)

logger = structlog.stdlib.get_logger()


def connect(url: str, *, retry_for_s: float = 1.0, connections: int = 64) -> Redis:
    """Make a client for commands and scripts; connects at the first of them.

    A command whose reply is lost is sent again for about `retry_for_s`, so what it
    does must be the same when done twice: every script of ours is. One that a server leaves
    without an answer is not: redis-py tries each time to connect as often, and waits as long.
    """
    attempts = max(1, round(retry_for_s / RETRY_CAP_S))
    backoff = ExponentialWithJitterBackoff(base=0.05, cap=RETRY_CAP_S)
    server = found(url, key=keys.SHARD)
    pool = BlockingConnectionPool.from_url(
        server.url if server else url,
        max_connections=connections,
        timeout=REPLY_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        health_check_interval=30,
        retry=Retry(backoff, attempts, supported_errors=AGAIN),
        retry_on_error=list(AGAIN),
        client_name="tagline",
    )
    if server:
        server.found_by_async(pool)
    return Together.from_pool(pool)


def connect_blocking(url: str, *, block_ms: int) -> Redis:
    """Make a client for blocking reads of up to `block_ms`: one connection, no retries.

    A retry would hide that the server was away; the reader has to know, because only
    it can tell from where to read again.
    """
    server = found(url, key=keys.SHARD)
    pool = ConnectionPool.from_url(
        server.url if server else url,
        max_connections=2,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=block_ms / 1000 + REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        client_name="tagline-blocking",
    )
    if server:
        server.found_by_async(pool)
    return Redis.from_pool(pool)


@contextmanager
def away_is_unavailable() -> Iterator[None]:
    """Translate what redis-py raises when the server is away to `UnavailableError`."""
    try:
        yield
    except redis.exceptions.RedisError as error:
        REDIS_ERRORS.labels(error=type(error).__name__).inc()
        if not is_away(error):
            raise
        raise UnavailableError("redis") from error


@asynccontextmanager
async def closing(client: Redis) -> AsyncIterator[Redis]:
    """Close `client` and its connections at the end."""
    try:
        yield client
    finally:
        await client.aclose()


def script(client: Redis, name: str) -> AsyncScript:
    """Return the script `shared/lua/<name>.lua`, sent by its hash (and whole when unknown)."""
    return client.register_script(text_of(name))


async def check_keeps_all(client: Redis) -> None:
    """Raise `ValueError` if the server throws data away when its memory is full, or is no Redis.

    A server that is away, or does not let us ask, is not judged: readiness asks again.
    """
    try:
        if policy := await _evicts(client):
            raise ValueError(f"REDIS_URL: {_EVICTS.format(policy)}")
    except redis.exceptions.InvalidResponse:
        raise ValueError("REDIS_URL: what answers there is no Redis") from None
    except UnavailableError:
        pass


async def _evicts(client: Redis) -> str | None:
    """Return the policy by which the server evicts keys, None if it keeps all."""
    with away_is_unavailable():
        try:
            memory = await client.info("memory")
        except redis.exceptions.NoPermissionError:
            return None
    policy = str(memory.get("maxmemory_policy", NO_EVICTION))
    return None if policy == NO_EVICTION else policy


async def _takes_no_writes(client: Redis) -> str | None:
    """Return why the server refuses every write, None if it does not."""
    with away_is_unavailable():
        try:
            info = await client.info("replication", "persistence")
        except redis.exceptions.NoPermissionError:
            return None
    if info.get("role") == "slave" and info.get("slave_read_only"):
        return "it is a replica, which may only be read"
    if info.get("aof_last_write_status") == "err":
        return "it cannot write to its disk"
    if info.get("min_slaves_good_slaves") == 0:  # it says so only where it asks for some
        return "it has none of the replicas that min-replicas-to-write asks for"
    return None


async def durability(client: Redis) -> str:
    """Return how sure the server is of what it has acknowledged; a check of readiness.

    `always`: on disk; `everysec`: the last second may be lost if the server dies; `off`: all;
    `unknown`: it does not let us ask. Raises `UnavailableError`, also where it evicts, or answers
    and takes no writes.
    """
    if policy := await _evicts(client):
        raise UnavailableError("redis", _EVICTS.format(policy))
    if refusal := await _takes_no_writes(client):
        raise UnavailableError("redis", refusal)
    with away_is_unavailable():
        try:
            config = await client.config_get("append*")
        except redis.exceptions.ResponseError:
            await client.ping()
            return "unknown"
    if config.get("appendonly") != "yes":
        return "off"
    return str(config.get("appendfsync", "unknown"))


async def once_there(do: Callable[[], Awaitable[None]]) -> None:
    """Call `do`, again and again until the server was there for it: a service may start first."""
    while True:
        try:
            with away_is_unavailable():
                await do()
        except UnavailableError as error:
            logger.warning("waiting_for_redis", why=str(error.__cause__))
            await asyncio.sleep(START_PAUSE_S)
        else:
            return
