"""A client that uploads, repeats and gives orders, and notes what it was answered."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, Final

import aiohttp

from tests.chaos.system.follower import Follower
from tests.chaos.system.notes import Accepted, Order, Upload
from tests.chaos.system.parcels import Parcel

PATIENCE_S: Final = 90.0
"""How long an upload or order is sent again that was not answered."""

PAUSE_S: Final = 0.25
HEARS_WITHIN_S: Final = 90.0
UNKNOWN: Final = frozenset({500, 502, 503, 504})


class Sender:
    """Sends parcels to the gateway, for the socket of `follower`.

    `accepted_at`: when uploads were answered with 202, by the wall clock, s. `unavailable`: how
    many answers were 503, `unanswered`: how many calls had none.
    """

    def __init__(
        self,
        follower: Follower,
        others: Sequence[Follower],
        gateway: str,
        web: aiohttp.ClientSession,
        seed: int,
    ) -> None:
        self.uploads: list[Upload] = []
        self.orders: list[Order] = []
        self.accepted_at: list[float] = []
        self.troubles: list[str] = []
        self.unavailable = 0
        self.unanswered = 0
        self._seed = seed
        self._follower = follower
        self._others = others
        self._gateway = gateway
        self._web = web

    async def send(self, parcel: Parcel) -> None:
        """Upload a parcel, and do with it what is to be done."""
        await self._follower.connected()
        upload = Upload(parcel.digests, self._follower.socket_id, parcel.kind)
        self.uploads.append(upload)
        accepted = await self._upload(parcel, upload)
        if accepted is None:
            return
        if parcel.repeated:
            await self._upload(parcel, upload)
        if parcel.mismatched:
            status, _ = await self._until_answered(parcel, other=b"other bytes")
            if status is not None:
                upload.mismatched.append(status)
        if parcel.order:
            await asyncio.sleep(parcel.pause_s)
            await self._order(parcel, accepted)

    async def _upload(self, parcel: Parcel, upload: Upload) -> Accepted | None:
        status, answer = await self._until_answered(parcel)
        if status == 202:
            photos = answer.get("photos", [answer])
            told = tuple(Accepted(one["id"], one["jobId"], one["filename"]) for one in photos)
            upload.accepted.append(told)
            self.accepted_at.append(time.time())
            return told[0]
        if status is not None:
            upload.refused.append(status)
            if parcel.kind != "refused":
                self.troubles.append(f"upload {parcel.number} was answered {status}: {answer}")
        return None

    async def _until_answered(
        self, parcel: Parcel, *, other: bytes = b""
    ) -> tuple[int | None, Any]:
        headers = {"X-Socket-Id": self._follower.socket_id}
        if not parcel.unkeyed:
            headers["Idempotency-Key"] = f"{self._seed}-{parcel.number}"
        deadline = time.monotonic() + PATIENCE_S
        while True:
            form = aiohttp.FormData()
            for number, photo in enumerate(parcel.photos):
                form.add_field("photo", photo + other, filename=f"{parcel.number}-{number}.png")
            form.add_field("priority", parcel.priority)
            status, answer = await self._call("POST", "photos/upload", headers=headers, data=form)
            if status is not None or parcel.unkeyed or time.monotonic() > deadline:
                return status, answer
            await asyncio.sleep(PAUSE_S)

    async def _order(self, parcel: Parcel, photo: Accepted) -> None:
        chance = random.Random(f"{self._seed} order {parcel.number}")
        path, headers = f"photos/{photo.photo_id}", {"X-Socket-Id": self._follower.socket_id}
        match parcel.order:
            case "cancel":
                status, _ = await self._call("POST", f"jobs/{photo.job_id}/cancel")
                self._note("cancel", photo, status, job_id=photo.job_id)
            case "retag":
                if not await self._follower.ended(photo.photo_id, timeout_s=HEARS_WITHIN_S):
                    return
                body = {"fresh": chance.random() < 0.5}
                status, answer = await self._call(
                    "POST", f"{path}/retag", json=body, headers=headers
                )
                self._note("retag", photo, status, job_id=answer.get("jobId", ""))
            case "delete":
                # Noted first: whatever is answered, the photo may be gone from here on.
                self._note("delete", photo, None)
                await self._until_told("DELETE", path)
            case "edit":
                tags = (f"by hand {parcel.number}", "mine")
                status = await self._until_told("PUT", f"{path}/tags", json={"tags": tags})
                self._note("edit", photo, status, tags=tags)
            case "watch":
                other = chance.choice(self._others)
                await other.connected()
                status = await self._until_told(
                    "POST", f"{path}/watch", headers={"X-Socket-Id": other.socket_id}
                )
                self._note("watch", photo, status)
            case "thumbnail":
                await self._until_told("GET", f"{path}/thumbnail?size=64")

    def _note(
        self,
        what: str,
        photo: Accepted,
        status: int | None,
        *,
        job_id: str = "",
        tags: tuple[str, ...] = (),
    ) -> None:
        self.orders.append(Order(what, photo.photo_id, status, job_id, tags))

    async def _until_told(self, method: str, path: str, **request: Any) -> int | None:
        """Call until there is an answer: what is asked for is the same done twice."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status, _ = await self._call(method, path, **request)
            if status is not None or time.monotonic() > deadline:
                return status
            await asyncio.sleep(PAUSE_S)

    async def _call(self, method: str, path: str, **request: Any) -> tuple[int | None, Any]:
        """Return status and JSON; None and nothing where the outcome is not known."""
        url = f"{self._gateway}/api/{path}"
        try:
            async with self._web.request(method, url, **request) as response:
                if response.status in UNKNOWN:
                    self.unavailable += response.status == 503
                    if response.status != 503 or "Retry-After" not in response.headers:
                        answered = f"{response.status}, {dict(response.headers)}"
                        self.troubles.append(f"{method} {path} was answered {answered}")
                    return None, {}
                if response.content_type.endswith("json"):
                    return response.status, await response.json(content_type=None)
                await response.read()
                return response.status, {}
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.unanswered += 1
            return None, {}
