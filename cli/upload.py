"""Uploads photos and follows them to their ends, with a progress bar each."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from cli.client import Tagline
from cli.errors import TaglineError
from cli.transports import Event

ENDED: Final = {"complete", "error", "cancelled"}
POLL_S: Final = 10.0
"""After so long without news the photos are asked for: no end may be missed."""


@dataclass
class Followed:
    """A file on its way, and what has been heard of its photo."""

    path: Path
    bar: TaskID
    id: int | None = None
    status: str = "uploading"
    tags: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    events: list[tuple[str, int]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def as_json(self) -> str:
        fields = {
            "file": str(self.path),
            "id": self.id,
            "status": self.status,
            "tags": self.tags,
            "error": self.error,
            "events": self.events,
        }
        return json.dumps(fields, ensure_ascii=False)


class Upload:
    """One run of `python -m cli upload`."""

    def __init__(
        self, paths: list[Path], *, locale: str | None, priority: str, plain: bool
    ) -> None:
        self._locale = locale
        self._priority = priority
        self._plain = plain
        self._progress = Progress(
            TextColumn("{task.fields[file]}"),
            BarColumn(bar_width=30, complete_style="cyan", finished_style="green"),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[message]}"),
            console=Console(stderr=True),
            disable=plain,
        )
        self.photos = [
            Followed(
                path, self._progress.add_task("", total=100, file=escape(path.name), message="")
            )
            for path in paths
        ]
        self._socket_id = ""
        self._by_id: dict[int, Followed] = {}
        self._early: dict[int, list[Event]] = {}
        self._changed = asyncio.Event()

    async def run(self, client: Tagline, *, parallel: int) -> bool:
        """Take every photo to its end; True if all are complete. Raises `TaglineError`."""
        connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        listening = asyncio.create_task(self._listen(client, connected))
        gate = asyncio.Semaphore(parallel)
        try:
            with self._progress:
                either: list[asyncio.Future[Any]] = [connected, listening]
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if listening.done():
                    listening.result()
                await asyncio.gather(*(self._send(client, photo, gate) for photo in self.photos))
                await self._until_ended(client, listening)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError, TaglineError):
                await listening
        return all(photo.status == "complete" for photo in self.photos)

    async def _send(self, client: Tagline, photo: Followed, gate: asyncio.Semaphore) -> None:
        async with gate:
            try:
                answer = await client.upload(
                    photo.path,
                    socket_id=self._socket_id,
                    locale=self._locale,
                    priority=self._priority,
                )
            except (TaglineError, OSError) as error:
                if isinstance(error, TaglineError) and error.status in {0, 401}:
                    raise
                self._show(photo, 0, str(error), status="error", error=str(error))
                return
        photo.id, photo.status = answer["id"], "queued"
        self._by_id[answer["id"]] = photo
        self._show(photo, 0, answer["message"])
        # Events can overtake the answer that says whose they are.
        for event in self._early.pop(answer["id"], []):
            self._hear(photo, event)

    async def _listen(self, client: Tagline, connected: asyncio.Future[None]) -> None:
        async for event in client.events():
            if event.name == "connected":
                self._socket_id = event.data["socketId"]
                if not connected.done():  # else the socket begins anew
                    connected.set_result(None)
            elif event.name == "resync":
                for view in event.data["photos"]:
                    self._settle(view)
            elif (photo := self._by_id.get(event.data.get("photoId", 0))) is not None:
                self._hear(photo, event)
            elif "photoId" in event.data:
                self._early.setdefault(event.data["photoId"], []).append(event)

    async def _until_ended(self, client: Tagline, listening: asyncio.Task[None]) -> None:
        while not all(photo.ended for photo in self.photos):
            self._changed.clear()
            try:
                async with asyncio.timeout(POLL_S):
                    await self._changed.wait()
            except TimeoutError:
                if listening.done():
                    listening.result()
                for photo in self.photos:
                    if not photo.ended and photo.id is not None:
                        self._settle(await client.photo(photo.id))

    def _hear(self, photo: Followed, event: Event) -> None:
        data = event.data
        match event.name:
            case "photo:progress":
                photo.events.append((data["stage"], data["progress"]))
                self._show(photo, data["progress"], data["message"])
            case "photo:complete":
                photo.tags = data["photo"]["tags"]
                self._show(photo, 100, data["message"], status="complete")
            case "photo:error":
                reason = f"{data['message']}: {data['error']} ({data['code']})"
                self._show(photo, None, reason, status="error", error=reason)
            case "photo:cancelled":
                self._show(photo, None, data["message"], status="cancelled", error=data["message"])
            case _:
                self._show(photo, None, str(data.get("message", event.name)))

    def _settle(self, view: dict[str, Any]) -> None:
        photo = self._by_id.get(view["id"])
        if photo is None or photo.ended:
            return
        photo.tags = view["tags"]
        error = view["error"]["message"] if view["error"] else None
        self._show(photo, view["progress"], error or "", status=view["status"], error=error)

    def _show(
        self,
        photo: Followed,
        progress: int | None,
        message: str,
        *,
        status: str | None = None,
        error: str | None = None,
    ) -> None:
        photo.status = status or photo.status
        photo.error = error or photo.error
        self._progress.update(photo.bar, completed=progress, message=escape(message))
        if self._plain:
            percent = "" if progress is None else f"{progress:3d} %  "
            print(f"{photo.path.name}  {percent}{message}", file=sys.stderr, flush=True)
        self._changed.set()


def tag_table(photos: list[Followed]) -> Table:
    """Return the tags of all photos, to be printed."""
    table = Table("photo", "id", "tags")
    for photo in photos:
        tags = ", ".join(
            tag["name"] if tag["confidence"] is None else f"{tag['name']} {tag['confidence']:.0%}"
            for tag in photo.tags
        )
        text = tags or photo.error or ("no tags" if photo.status == "complete" else photo.status)
        table.add_row(escape(str(photo.path)), str(photo.id or ""), escape(text))
    return table
