"""Uploads at a steady rate, by clients that follow their sockets; and what became of each."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from cli.transports import polling
from tests.chaos.check import Finding
from tests.chaos.system.follower import TRANSPORTS, Follower
from tests.support.api import picture

CLIENTS: Final = 12
PATIENCE_S: Final = 120.0
"""How long an upload is sent again that was not accepted, and its end is waited for."""

PAUSE_S: Final = 0.5
CALL_S: Final = 30.0
ENDS_WELL: Final = "photo:complete"


@dataclass
class Sent:
    """One upload. `answers`: each answer's moment and status, None where there was none.

    Moments are by the monotonic clock, s. `bare`: answers of 503 without `Retry-After`.
    """

    follower: Follower
    answers: list[tuple[float, int | None]] = field(default_factory=list)
    photo_id: int = 0
    ended_s: float = 0.0
    bare: int = 0

    @property
    def accepted_s(self) -> float:
        return self.answers[-1][0]


class Traffic:
    """Clients at one origin. `numbers`: pictures never sent before begin with this one."""

    def __init__(self, url: str, secret: str, *, number: int) -> None:
        self._url = url
        self._number = number
        self._secret = secret
        self.sent: list[Sent] = []
        # One that polls is to come back to the same notifier: an ingress controller's affair,
        # which the front does not know.
        numbers = [n for n in range(CLIENTS * 2) if TRANSPORTS[n % len(TRANSPORTS)] is not polling]
        self.followers = [Follower(each, number, [url]) for each in numbers[:CLIENTS]]

    async def flow(self, a_second: float, until: asyncio.Event) -> None:
        """Upload until told to end, then until each upload is accepted and its photo has ended."""
        headers = {"Authorization": f"Bearer {self._secret}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as web:
            following = [asyncio.create_task(each.run(web)) for each in self.followers]
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await asyncio.gather(*(each.connected() for each in self.followers))
                async with asyncio.TaskGroup() as uploads:
                    began_s = time.monotonic()
                    while not until.is_set():
                        uploads.create_task(self._upload(web, len(self.sent)))
                        next_s = began_s + (len(self.sent) + 1) / a_second
                        await asyncio.sleep(max(0.0, next_s - time.monotonic()))
                await self._look(web)
            finally:
                for task in following:
                    task.cancel()
                await asyncio.gather(*following, return_exceptions=True)

    async def _upload(self, web: aiohttp.ClientSession, index: int) -> None:
        number = self._number + index
        sent = Sent(self.followers[index % len(self.followers)])
        self.sent.append(sent)
        headers = {"Idempotency-Key": f"try-{number}", "X-Socket-Id": sent.follower.socket_id}
        deadline = time.monotonic() + PATIENCE_S
        while not sent.photo_id and time.monotonic() < deadline:
            form = aiohttp.FormData()
            form.add_field("photo", picture(number), filename=f"{number}.png")
            status, answer = await self._call(web, sent, form, headers)
            sent.answers.append((time.monotonic(), status))
            if status == 202:
                sent.photo_id = answer["id"]
            else:
                await asyncio.sleep(PAUSE_S)
        if sent.photo_id and await sent.follower.ended(sent.photo_id, timeout_s=PATIENCE_S):
            sent.ended_s = time.monotonic()

    async def _call(
        self,
        web: aiohttp.ClientSession,
        sent: Sent,
        form: aiohttp.FormData,
        headers: dict[str, str],
    ) -> tuple[int | None, Any]:
        try:
            async with (
                asyncio.timeout(CALL_S),
                web.post(f"{self._url}/api/photos/upload", data=form, headers=headers) as response,
            ):
                sent.bare += response.status == 503 and "Retry-After" not in response.headers
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None, None

    async def _look(self, web: aiohttp.ClientSession) -> None:
        """Ask for the state of every photo."""
        self.states: Counter[str] = Counter()
        for sent in self.sent:
            if sent.photo_id:
                async with web.get(f"{self._url}/api/photos/{sent.photo_id}") as response:
                    photo = await response.json()
                    tagged = bool(photo.get("tags"))
                    self.states[f"{photo.get('status')}{'' if tagged else ' without tags'}"] += 1

    def findings(self) -> list[Finding]:
        """Return what is promised, and what breaks it."""
        refused = Counter(
            status for sent in self.sent for _, status in sent.answers if status != 202
        )
        frames = [frame for each in self.followers for frame in each.frames]
        ends = [sent.follower.ends.get(sent.photo_id, 0) for sent in self.sent if sent.photo_id]
        kinds = Counter(f.event for f in frames)
        return [
            Finding(
                "each upload is accepted", f"{len(self.sent)}, other answers: {dict(refused)}",
                [f"upload {n}" for n, sent in enumerate(self.sent) if not sent.photo_id],
            ),
            Finding(
                "each photo ends once, and its client hears it",
                f"{len(ends)} photos, {kinds[ENDS_WELL]} complete",
                [f"{n} with {count} ends" for count, n in Counter(ends).items() if count != 1],
            ),
            Finding(
                "each photo has its tags", str(dict(self.states)),
                [f"{n} {state}" for state, n in self.states.items() if state != "complete"],
            ),
            Finding(
                "no client misses anything",
                f"{kinds['connected']} connections, {len(frames)} frames",
                [*self._holes(), *(t for each in self.followers for t in each.troubles)],
            ),
        ]  # fmt: skip

    def _holes(self) -> list[str]:
        """Return where a socket was begun anew, or heard what it had heard already."""
        broken = []
        for follower in self.followers:
            last = (0, 0)
            for frame in follower.frames:
                if frame.event == "resync":
                    broken.append(f"{follower.name} was begun anew at {frame.id}")
                elif frame.event != "connected":
                    at = tuple(map(int, frame.id.split("-")))
                    if at <= last:
                        broken.append(f"{follower.name} heard {frame.id} after {last}")
                    last = (at[0], at[1])
        return broken

    def told(self) -> dict[str, float]:
        """Return what the clients have felt: counts, and seconds."""
        failed = [at_s for s in self.sent for at_s, status in s.answers if status != 202]
        waits = [sent.ended_s - sent.accepted_s for sent in self.sent if sent.ended_s]
        cuts = [back_s - lost_s for f in self.followers for lost_s, back_s in f.cut_off]
        return {
            "uploads": len(self.sent),
            "refused 503": sum(st == 503 for s in self.sent for _, st in s.answers),
            "without Retry-After": sum(sent.bare for sent in self.sent),
            "not answered, or otherwise": sum(
                st not in {202, 503} for s in self.sent for _, st in s.answers
            ),
            "refusals lasted, s": max(failed, default=0) - min(failed, default=0),
            "longest from 202 to the end, s": max(waits, default=0),
            "longest without events, s": max(cuts, default=0),
        }
