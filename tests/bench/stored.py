"""Whether uploads, lists and filters hold when very many photos are stored, and as many wait.

A system that is all but empty is asked in turns with one that is full: request by request the
same client, so that a noisy machine is as noisy to both. No tagger runs: it would work on what
waits. How fast a tagger picks up what is urgent, with so many messages waiting: `backlog`.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import redis

from shared import keys
from shared.photos import Photos
from shared.redis import closing, connect
from tests.bench import listing
from tests.bench.costs import server_bytes
from tests.bench.figures import Case, Figure, Sizes
from tests.bench.local_photos import distinct_photos
from tests.support.processes import ServiceProcess
from tests.support.redis_server import temporary_server
from tests.support.tagging import submit

FEW = 200
"""What is stored in the empty one, so that its pages are full, too."""

MOST_TIMES = 1.3
SUBMITTED_AT_ONCE = 200
TAGS = json.dumps({"tags": ["chat", "rare"]})
"""The names of the tags that `listing` gives its photos, in the order of their ids."""

FORM = (
    b'--b\r\nContent-Disposition: form-data; name="photo"; filename="photo.jpg"\r\n\r\n'
    b"%b\r\n--b--\r\n"
)


@dataclass
class Gateway:
    """A gateway with so many photos behind it, and how long it took to answer."""

    connection: http.client.HTTPConnection
    photo_bytes: float
    message_bytes: float
    took_ms: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, name: str, method: str, path: str, body: str | bytes, type_: str) -> None:
        start = time.perf_counter()
        self.connection.request(method, path, body, {"Content-Type": type_})
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status < 300, answer.status
        self.took_ms.setdefault(name, []).append((time.perf_counter() - start) * 1000)


def measure(sizes: Sizes) -> list[Figure]:
    photos = distinct_photos(2 * (sizes.photos + 1))
    with ExitStack() as exits:
        empty = _gateway(exits, FEW, 0)
        full = _gateway(exits, sizes.stored, sizes.stored)
        for number in range(sizes.photos + 1):
            for at, gateway in enumerate((empty, full)):
                _ask(gateway, photos[2 * number + at])
    count = f"{sizes.stored:,}".replace(",", " ")
    goal = f"at most {MOST_TIMES:g} times the empty one's"
    figures = []
    for name in full.took_ms:
        ours, bare = (statistics.median(each.took_ms[name][1:]) for each in (full, empty))
        figures.append(
            Figure(
                f"{name} p50, {count} stored and waiting", "ms", ours, limit=bare,
                goal=goal, met=ours <= MOST_TIMES * bare,
            )
        )  # fmt: skip
    return [
        *figures,
        Figure("a photo that is complete, in Redis", "bytes", full.photo_bytes),
        Figure("a photo that waits, with its message", "bytes", full.message_bytes),
    ]


def _ask(gateway: Gateway, photo: bytes) -> None:
    multipart = "multipart/form-data; boundary=b"
    gateway.ask("an upload", "POST", "/api/photos/upload", FORM % photo, multipart)
    gateway.ask("the first page", "GET", "/api/photos?limit=50&status=complete", "", "")
    gateway.ask("the first page of a tag", "GET", "/api/photos?limit=50&tag=chat", "", "")


def _gateway(exits: ExitStack, stored: int, waiting: int) -> Gateway:
    blobs = Path(exits.enter_context(tempfile.TemporaryDirectory()), "blobs")
    url = exits.enter_context(temporary_server()).url
    settings = {"REDIS_URL": url, "TAGLINE_BLOB_URL": blobs.as_uri()}
    with redis.Redis.from_url(url) as client:
        photo_bytes = _each_bytes(client, stored, lambda: listing.fill(client, stored))
        client.set(keys.photo_sequence(), stored)
        message_bytes = _each_bytes(client, waiting, lambda: asyncio.run(_submit(url, waiting)))
    service = exits.enter_context(ServiceProcess("gateway", settings)).wait_ready()
    parts = urlsplit(service.url)
    gateway = Gateway(
        http.client.HTTPConnection(str(parts.hostname), parts.port), photo_bytes, message_bytes
    )
    exits.callback(gateway.connection.close)
    gateway.ask("named", "PUT", "/api/photos/1/tags", TAGS, "application/json")
    del gateway.took_ms["named"]
    gateway.connection.close()  # made anew: until the other one is full, this would be closed
    return gateway


def _each_bytes(client: redis.Redis, count: int, fill: Callable[[], None]) -> float:
    """Return what each of `count` takes that `fill` writes, in the server's memory."""
    before = server_bytes(client)
    fill()
    return (server_bytes(client) - before) / max(1, count)


async def _submit(url: str, count: int) -> None:
    """Have `count` photos wait, as uploads leave them."""
    async with closing(connect(url)) as client:
        photos = Photos(client, retention_s=600)
        for first in range(0, count, SUBMITTED_AT_ONCE):
            await submit(photos, count=min(SUBMITTED_AT_ONCE, count - first))


CASE = Case("stored", "With very many photos", "", measure, limit="the same with next to none")
