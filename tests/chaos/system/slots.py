"""Services as processes: started, killed, stopped, told to end, and started again."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.chaos.failing import arm
from tests.support.processes import ServiceProcess, is_stopped

ENDS_WITHIN_S: Final = 40.0
LOOK_EVERY_S: Final = 0.03
STARTED: Final = "_started"
"""What a service logs once it runs: `tagger_started`, say."""


class Slot:
    """One process of a service at a time; when it has ended another one takes its place.

    `clock_s`: how far its clock is ahead of the machine's.
    `killed`: how often it ended by SIGKILL, of itself or of others; `dead` is told the process ID,
    and when; `still` of those that stand still or were told to end, until they go on or are gone.
    `up_at`: when processes had started. Times are of the wall clock, s.
    """

    def __init__(
        self,
        kind: str,
        number: int,
        environment: Mapping[str, str],
        folder: Path,
        *,
        clock_s: float,
    ) -> None:
        self.kind = kind
        self._clock_s = clock_s
        self.name = f"{kind}-{number}"
        self.service = ServiceProcess(kind, environment)
        self.killed = 0
        self.up_at: list[float] = []
        self.misbehaved: list[str] = []
        self.dead: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        self.still: set[int] = set()
        self._fired = folder / f"{self.name}.fired"
        self._poison = folder / f"{self.name}.poison"
        self._board = folder / f"{self.name}.board"
        self._output_before = 0
        self._begun = self._ending = False
        self._board_is_free = asyncio.Lock()

    def start(self) -> None:
        arm(self._board)
        self._output_before = self.service.output_bytes
        self._begun = self._ending = False
        self.service.start(
            "tests.chaos.failing",
            self.kind,
            *("--board", str(self._board)),
            *("--fired", str(self._fired)),
            *("--poison", str(self._poison)),
            f"--clock-s={self._clock_s}",
        )

    async def _until_begun(self, pid: int) -> bool:
        """Wait until the process knows what SIGTERM means; False if it is gone before."""
        while self.service.pid == pid and not self._begun:
            await asyncio.sleep(LOOK_EVERY_S)
        return self.service.pid == pid

    @property
    def met(self) -> Counter[str]:
        """How many processes died here of each poison."""
        return Counter(self._poison.read_text().split() if self._poison.exists() else ())

    @property
    def reached(self) -> Counter[str]:
        """At which failpoints processes died here."""
        return Counter(self._fired.read_text().split() if self._fired.exists() else ())

    async def look_after(self) -> None:
        """Start another process whenever one has ended, without end."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            code = self.service.returncode
            if code is None:
                self._note_beginning()
                continue
            if code == -signal.SIGKILL:
                self._note_death()
            elif code != 0 or not self._ending:
                tail = self.service.output_from(self._output_before)[-2000:]
                self.misbehaved.append(f"{self.name} ended with {code}: {tail}")
            self.start()

    def _note_beginning(self) -> None:
        if not self._begun and STARTED in self.service.output_from(self._output_before):
            self._begun = True
            self.up_at.append(time.time())

    async def die_at(self, point: str, passing: int, *, within_s: float) -> None:
        """Have a process end at a failpoint; from outside if none comes by in time."""
        async with self._board_is_free:
            before, deadline = self.reached.total(), time.monotonic() + within_s
            while time.monotonic() < deadline:
                pid = self.service.pid
                arm(self._board, point, passing)
                while self.service.pid == pid and time.monotonic() < deadline:
                    await asyncio.sleep(LOOK_EVERY_S)
                if self.reached.total() > before:
                    return
            self.kill()

    async def stand_at(self, point: str, *, within_s: float) -> int | None:
        """Have it stand still at a failpoint; its process ID, None if it does not come by."""
        pid = self.service.pid
        if not await self._until_begun(pid):
            return None
        async with self._board_is_free:
            arm(self._board, point, stop=True)
            deadline = time.monotonic() + within_s
            while self.service.pid == pid and time.monotonic() < deadline:
                if is_stopped(pid):
                    self.still.add(pid)
                    return pid
                await asyncio.sleep(LOOK_EVERY_S)
            arm(self._board)
            await asyncio.sleep(LOOK_EVERY_S)
            self.go_on(pid)  # it may have come by at the last moment
        return None

    def go_on(self, pid: int) -> None:
        """Have a process go on that stands still."""
        if self.service.pid == pid and self.service.returncode is None:
            self.service.signal(signal.SIGCONT)
        self.still.discard(pid)

    def kill(self) -> None:
        """End it as a crash would, and start another."""
        if self.service.returncode is None:
            self.service.kill()
        self._note_death()
        self.start()

    def _note_death(self) -> None:
        self.killed += 1
        self.dead.put_nowait((self.service.pid, time.time()))

    async def stop(self, *, for_s: float) -> None:
        """Have it stand still for a while."""
        pid = self.service.pid
        if not await self._until_begun(pid):
            return
        self.service.signal(signal.SIGSTOP)
        self.still.add(pid)
        await asyncio.sleep(for_s)
        self.go_on(pid)

    async def terminate(self) -> None:
        """Tell it to end; note it if it does not."""
        pid = self.service.pid
        if not await self._until_begun(pid):
            return
        self._ending = True
        self.still.add(pid)
        self.service.signal(signal.SIGTERM)
        deadline = time.monotonic() + ENDS_WITHIN_S
        while self.service.pid == pid and self.service.returncode is None:
            if time.monotonic() > deadline:
                self.service.signal(signal.SIGUSR1)
                await asyncio.sleep(1)
                tail = self.service.output_from(self._output_before)[-4000:]
                self.misbehaved.append(f"{self.name} ran {ENDS_WITHIN_S:g} s after SIGTERM: {tail}")
                self.kill()
                break
            await asyncio.sleep(LOOK_EVERY_S)
        self.still.discard(pid)

    async def end(self) -> None:
        """End it in order, for good: nobody looks after it any more."""
        deadline = time.monotonic() + ENDS_WITHIN_S
        while not self._begun and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_EVERY_S)
            self._note_beginning()
        self.service.signal(signal.SIGTERM)
        while (code := self.service.returncode) is None and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_EVERY_S)
        if code != 0:
            tail = self.service.output_from(self._output_before)[-2000:]
            self.misbehaved.append(f"{self.name} ended with {code} at last: {tail}")
