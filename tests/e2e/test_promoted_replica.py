"""A replica that lags behind is promoted: where the promise does not hold, and how that shows."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import redis

from tests.chaos.system.follower import Follower
from tests.e2e.outage import PATIENCE_S, System, used_system
from tests.support.api import Api, picture
from tests.support.broker_proxy import proxy_to
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

LOST: Final = 3
FIRST_PICTURE: Final = 1_000_000
HELD: Final = (
    "what was answered with 202 is there",
    "at rest nothing waits, is held, leased or staged",
    "the blobs are the records'",
    "every index agrees with the records",
    "processes end in order when told to, and no answer is a fault of ours",
)
"""What holds of all but the photos that were lost."""


def follow(replica: redis.Redis, primary: redis.Redis, url: str) -> None:
    """Have `replica` copy all that `primary`, at `url`, has and is told."""
    primary.config_set("repl-diskless-sync-delay", 0)
    replica.replicaof("127.0.0.1", str(urlsplit(url).port))


def up_to_date(replica: redis.Redis, primary: redis.Redis) -> bool:
    there = replica.info("replication")
    told = primary.info("replication")["master_repl_offset"]
    return (there["master_link_status"], there["slave_repl_offset"]) == ("up", told)


async def upload_all(system: System, follower: Follower) -> list[int]:
    """Upload some photos for the socket of `follower`, each by its own key; return their ids."""
    api = Api(system.stack.gateway.url)
    ids = []
    for number in range(LOST):
        headers = {"X-Socket-Id": follower.socket_id, "Idempotency-Key": f"lost-{number}"}
        answer = await api.upload(picture(FIRST_PICTURE + number), headers=headers)
        assert answer.status == 202
        ids.append(answer.json["id"])
    return ids


def resyncs(follower: Follower) -> int:
    return sum(frame.event == "resync" for frame in follower.frames)


@pytest.mark.timeout(600)
async def test_what_a_promoted_replica_never_had_is_known_to_be_lost(tmp_path: Path) -> None:
    with (
        temporary_server(tcp=True) as server,
        temporary_server(tcp=True) as other,
        redis.Redis.from_url(server.url) as primary,
        redis.Redis.from_url(other.url) as replica,
        proxy_to(server.url) as proxy,
    ):
        follow(replica, primary, server.url)
        async with used_system(server, tmp_path, url=proxy.url) as system:
            await system.takes()
            await system.rest()
            await wait_until(lambda: up_to_date(replica, primary), timeout_s=PATIENCE_S)
            # Given a replica that is told no more, and photos that are accepted and complete
            replica.replicaof("NO", "ONE")
            follower = system.followers[0]
            lost = await upload_all(system, follower)
            for photo_id in lost:
                assert await follower.ended(photo_id, timeout_s=PATIENCE_S)
            # When the primary dies, and the replica takes its address over
            server.kill()
            await system.not_ready("redis")
            proxy.lead_to(other.url)
            await system.ready()

            # I expect the photos to be unknown, and who watched them to be told so
            api = Api(system.stack.gateway.url)
            assert [(await api.get(f"/api/photos/{each}")).status for each in lost] == [404] * LOST
            await wait_until(
                lambda: resyncs(follower), timeout_s=PATIENCE_S, what="the socket begins anew"
            )
            (told,) = (frame.data for frame in follower.frames if frame.event == "resync")
            assert told["reason"] == "unknown_position"
            assert not {photo["id"] for photo in told["photos"]} & set(lost)
            # And to be accepted when they are sent again, by the same keys
            system.go_on()
            await system.takes()
            await upload_all(system, follower)
            findings = await system.findings(other.url)
            print(*findings, sep="\n")  # noqa: T201  # shown when it fails

    assert {finding.promise for finding in findings if not finding.broken} >= set(HELD)
