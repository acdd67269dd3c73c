"""What a case asks of `photo_load`: photos to upload, and to follow to their end."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tests.bench.asked import Asked
from tests.bench.figures import Figure
from tests.bench.local_photos import distinct_photos


class PhotoClients(Asked):
    """The process of the clients that upload this photo, or one of 100 KB."""

    def __init__(self, photo: bytes | None = None) -> None:
        with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
            Path(file.name).write_bytes(photo or distinct_photos(1)[0])
            super().__init__("tests.bench.photo_load", file.name)
            self.said()  # it has read the file

    def upload(self, url: str, count: int, *, at_once: int) -> dict[str, Any]:
        return self.ask({"upload": url, "count": count, "at_once": at_once})

    def follow(
        self, url: str, socket: str, count: int, *, at_once: int, sockets: int,
        copies: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        where = {"follow": url, "socket": socket, "sockets": sockets}
        return self.ask({**where, "count": count, "at_once": at_once, "copies": copies})


def losses(told: dict[str, Any]) -> int:
    """Return how many of the photos that were followed did not end as they ought."""
    return int(told["lost"] + told["bad"] + told["disorder"])


def losses_figure(count: int) -> Figure:
    return Figure("lost, failed or out of order", "of all", count, goal="0", met=not count)
