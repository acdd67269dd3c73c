"""Connections behind TLS, on the event loop of the services, that are cut at any moment."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
import redis
import redis.exceptions
import trustme
import uvloop
from redis.asyncio.connection import AbstractConnection

from shared.redis import closing, connect, connect_blocking
from shared.wire import Question, Wire
from tests.support.redis_server import temporary_server
from tests.support.tls import behind_tls
from tests.support.waiting import wait_until

ECHO = "return ARGV[1]"
CUTS = 40
CALLS = 10
LONGEST_S = 0.008
"""Until a cut: so that some are made while a connection is."""

Cut = Callable[[], object]


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[tuple[str, Cut]]:
    """A server behind TLS; yields its address, and what ends all connections to it."""
    root = trustme.CA()
    (folder / "ca.pem").write_bytes(root.cert_pem.bytes())
    with temporary_server() as bare, redis.Redis.from_url(bare.url) as cutting:
        async with behind_tls(bare.url.removeprefix("unix://").partition("?")[0], root) as port:
            yield (
                f"rediss://localhost:{port}/0?ssl_ca_certs={folder / 'ca.pem'}",
                lambda: cutting.client_kill_filter(_type="normal", skipme=True),
            )


def run(test: Awaitable[None]) -> None:
    async def whole() -> None:
        await test

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole())


@pytest.mark.parametrize("seed", [1, 2])
def test_scripts_are_answered_whenever_their_connection_is_cut(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)

    async def cut_again_and_again() -> None:
        async with server(tmp_path) as (url, cut), closing(connect(url, retry_for_s=60)) as client:
            echo, under_way = client.register_script(ECHO), 0
            for number in range(CUTS):
                asked = [b"%d %d" % (number, call) for call in range(CALLS)]
                answers = asyncio.gather(*(echo(args=[each]) for each in asked))
                # Now and then at once: that is before any of them can have been answered.
                await asyncio.sleep(rng.choice([0, rng.uniform(0, LONGEST_S)]))
                under_way += not answers.done()
                cut()
                async with asyncio.timeout(60):
                    assert await answers == asked
            assert under_way

    run(cut_again_and_again())


def test_a_connection_that_is_cut_as_it_is_made_is_known_to_be_lost(tmp_path: Path) -> None:
    async def cut_at_once() -> None:
        async with server(tmp_path) as (url, cut):

            async def connect_and_lose(connection: AbstractConnection) -> None:
                await connection.on_connect()
                cut()
                await wait_until(connection._reader.at_eof)  # type: ignore[union-attr]

            async with closing(connect_blocking(url, block_ms=1000)) as client:
                client.connection_pool.connection_kwargs["redis_connect_func"] = connect_and_lose
                async with aclosing(await Wire.open(client)) as wire:
                    assert not wire.good
                    with pytest.raises(redis.exceptions.ConnectionError):
                        await wire.ask(Question.of(("PING",)))

    run(cut_at_once())
