"""What it takes to bring a socket up to date."""

from __future__ import annotations

from prometheus_client import REGISTRY

from services.notifier.hub import Hub
from shared.photos import Photos
from shared.progress import Lanes
from tests.support.notifier import Recorder, database, tell_many

PAGE = 10
SOMEBODY = "2-somebodyelsesomebodyelse00"


def reads() -> float:
    return REGISTRY.get_sample_value("tagline_lane_reads_total", {"kind": "catch_up"}) or 0


class Sips:
    """Accepts one event of two: a client that is full again and again."""

    def __init__(self) -> None:
        self._asked = 0

    def __call__(self) -> bool:
        self._asked += 1
        return self._asked % 2 == 0


async def test_a_lane_is_read_only_as_far_as_somebody_can_take_what_it_holds(
    redis_url: str,
) -> None:
    async with database(redis_url) as redis:
        hub = Hub(
            Lanes(redis, retention_s=600, page_size=PAGE),
            Photos(redis, retention_s=600),
            redis_url=redis_url,
            lane_count=4,
            retention_s=600,
            home_lane=2,
        )
        session = await hub.open(Recorder())
        hub.leave(session)
        await tell_many(redis, session.socket_id, range(20))
        await tell_many(redis, SOMEBODY, range(1000))
        recorder, before = Recorder(accepts=Sips()), reads()
        resumed = await hub.resume(session.socket_id, session.position, recorder)
        hub.leave(resumed)
        await hub.stopped()

    heard = [frame.data for frame in recorder.frames if frame.event == b"photo:progress"]
    assert heard == [b"%d" % number for number in range(20)]
    # Once the whole of it, which is 103 pages, and one for each time that the client was full
    assert reads() - before < 200
