"""Our broker when replies are lost on the way: what was asked has been done, and nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from dramatiq.errors import ConnectionClosed
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.broker import RedisStreamsBroker
from tests.support.broker import (
    KEYS,
    LONG_LEASE_MS,
    Fetching,
    consuming,
    fetch,
    message,
    pending,
    streams_broker,
    wait_for_blocked_reads,
    waiting,
)
from tests.support.broker_proxy import Proxy, proxy_to
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import EmbeddedServer

pytestmark = pytest.mark.usefixtures("no_unexpected_error")


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[EmbeddedServer]:
    with temporary_server(tcp=True) as server:
        yield server


@pytest.fixture
def direct(tcp_server: EmbeddedServer) -> Iterator[redis.Redis]:
    """A client that goes round the proxy."""
    with redis.Redis.from_url(tcp_server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def proxy(tcp_server: EmbeddedServer, direct: redis.Redis) -> Iterator[Proxy]:
    with proxy_to(tcp_server.url) as proxy:
        yield proxy


@pytest.mark.parametrize("prefetch", [1, 5])
def test_a_lost_reply_to_a_blocking_read_strands_nothing(
    proxy: Proxy, direct: redis.Redis, prefetch: int
) -> None:
    with (
        streams_broker(proxy.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker, prefetch=prefetch, timeout_ms=60_000) as consumer,
    ):
        fetching = Fetching(consumer)
        wait_for_blocked_reads(direct)
        sent = message("x")
        proxy.lose_reply(request=b"XREADGROUP", reply=sent.message_id.encode())
        with streams_broker(proxy.url) as another:
            another.enqueue(sent)
        proxy.wait_lost()

        held = fetching.result()
        assert held == sent
        assert held.deaths == 0
        assert held.receipt.stream == KEYS.stream("normal")
        consumer.ack(held)
        assert waiting(direct) == 0


def test_a_lost_reply_to_the_script_that_fetches_strands_nothing(
    proxy: Proxy, direct: redis.Redis
) -> None:
    with streams_broker(proxy.url, claim_after_ms=LONG_LEASE_MS) as broker:
        sent = [broker.enqueue(message(number)) for number in range(3)]
        sent.append(broker.enqueue(message("delayed"), delay=0))
        proxy.lose_reply(reply=sent[0].message_id.encode())
        with consuming(broker, prefetch=4) as consumer:
            held = [fetch(consumer) for _ in range(4)]
            proxy.wait_lost()
            assert {each.message_id for each in held} == {each.message_id for each in sent}
            assert [each.deaths for each in held] == [0, 0, 0, 0]
            for each in held:
                consumer.ack(each)
            assert next(consumer) is None

    assert waiting(direct) == 0


def test_what_was_held_when_a_reply_was_lost_is_not_fetched_again(
    proxy: Proxy, direct: redis.Redis
) -> None:
    with (
        streams_broker(proxy.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        first = broker.enqueue(message("first"))
        held = [fetch(consumer)]
        second = message("second")
        proxy.lose_reply(reply=second.message_id.encode())
        entry = broker.entry_for(second)
        direct.xadd(entry.stream, dict(entry.fields.items()))
        held.append(fetch(consumer))
        proxy.wait_lost()

        assert held == [first, second]
        assert next(consumer) is None


@pytest.mark.parametrize("how", ["ack", "nack", "retry"])
def test_a_lost_reply_to_what_settles_a_message_settles_it_once(
    proxy: Proxy, direct: redis.Redis, how: str
) -> None:
    with (
        streams_broker(proxy.url, claim_after_ms=LONG_LEASE_MS) as broker,
        consuming(broker) as consumer,
    ):
        broker.enqueue(message("x"))
        held = fetch(consumer)
        proxy.lose_reply(request=held.receipt.entry_id.encode())
        if how == "nack":
            consumer.nack(held)
        else:
            if how == "retry":
                broker.enqueue(held, delay=LONG_LEASE_MS)
            consumer.ack(held)
        proxy.wait_lost()

        assert held.settled
        assert waiting(direct) == 0
        assert direct.xlen(KEYS.dead) == (1 if how == "nack" else 0)
        assert direct.zcard(KEYS.delayed) == (1 if how == "retry" else 0)
        broker.enqueue(message("next"))
        assert fetch(consumer).args == ("next",)


def test_a_lost_reply_to_handing_back_hands_back_once(proxy: Proxy, direct: redis.Redis) -> None:
    with streams_broker(proxy.url, claim_after_ms=LONG_LEASE_MS) as broker:
        broker.enqueue(message("x"))
        with consuming(broker) as consumer:
            held = fetch(consumer)
            proxy.lose_reply(request=held.receipt.entry_id.encode())
        proxy.wait_lost()

    assert (waiting(direct), pending(direct)) == (1, 0)


def test_a_message_whose_enqueueing_got_no_answer_is_there_once(
    proxy: Proxy, direct: redis.Redis
) -> None:
    with streams_broker(proxy.url) as broker:
        # The server knows the script by now.
        broker.enqueue(message("z"), delay=LONG_LEASE_MS)
        sent = message("x")
        proxy.lose_reply(request=sent.message_id.encode())
        with pytest.raises(ConnectionClosed):
            broker.enqueue(sent)
        proxy.wait_lost()
        delayed = message("y")
        proxy.lose_reply(request=delayed.message_id.encode())
        with pytest.raises(ConnectionClosed):
            broker.enqueue(delayed, delay=LONG_LEASE_MS)

    assert waiting(direct) == 1
    assert direct.zcard(KEYS.delayed) == 2


def test_a_client_that_sends_again_by_itself_is_the_choice_of_its_owner(
    proxy: Proxy, direct: redis.Redis
) -> None:
    with redis.Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 1)) as client:
        broker = RedisStreamsBroker(client=client, middleware=[])
        sent = message("x")
        proxy.lose_reply(request=sent.message_id.encode())
        broker.enqueue(sent)
        broker.close()

    assert waiting(direct) == 2
