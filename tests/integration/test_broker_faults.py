"""What a server may do that is neither answering nor being away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from dramatiq.errors import ConnectionClosed

from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    consuming,
    fetch,
    message,
    pending,
    streams_broker,
    waiting,
)
from tests.support.processes import wait_until
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import EmbeddedServer


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    with temporary_server() as server:
        yield server


def test_what_was_read_before_a_stream_was_found_missing_is_not_stranded(redis_url: str) -> None:
    with (
        redis.Redis.from_url(redis_url) as client,
        streams_broker(redis_url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        wait_until(
            lambda: next(consumer) is None and client.exists(KEYS.stream("low")) == 1,
            "the groups are made",
        )
        # Given a message in the first stream, and no second stream
        client.delete(KEYS.stream("high"))
        client.xadd(KEYS.front, {"m": message("x").encode()})
        consumer._look_at = 0.0

        # I expect it at once: its lease is too long to lapse
        held = fetch(consumer)
        assert held.args == ("x",)
        assert held.deaths == 0


def test_work_done_while_the_server_refuses_writes_is_acknowledged_later_and_done_once(
    server: EmbeddedServer,
) -> None:
    with (
        redis.Redis.from_url(server.url) as client,
        streams_broker(server.url, claim_after_ms=2000) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message("x"))
        held = fetch(consumer)
        refuse_writes(server, client)

        # When it is done, it is neither forgotten nor an error
        consumer.ack(held)
        assert not held.settled
        assert next(consumer) is None
        with pytest.raises(ConnectionClosed, match="MISCONF"):
            broker.enqueue(message("y"))

        client.config_set("stop-writes-on-bgsave-error", "no")
        client.config_set("save", "")  # else it would refuse to stop, too
        wait_until(lambda: held.settled, "it is settled")
        assert pending(client) == waiting(client) == 0


def refuse_writes(server: EmbeddedServer, client: redis.Redis) -> None:
    """Have every write answered with MISCONF, as on a full disk."""
    # A snapshot cannot take the place of a folder.
    snapshot = server.data / str(client.config_get("dbfilename")["dbfilename"])
    snapshot.unlink(missing_ok=True)
    snapshot.mkdir()
    client.config_set("save", "3600 1")
    client.config_set("stop-writes-on-bgsave-error", "yes")
    client.bgsave()
    wait_until(
        lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "saving has failed"
    )
