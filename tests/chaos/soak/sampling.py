"""What processes, server and blob store take, looked at again and again."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from tests.support.processes import descendants

LOOK_EVERY_S: Final = 5.0
MB: Final = 2**20
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class Sampler:
    """Looks at `pids`, by name, with the children of each, at Redis and at the blobs' folder."""

    def __init__(self, pids: Mapping[str, int], client: Redis, blobs: Path) -> None:
        self.samples: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._pids = pids
        self._client = client
        self._blobs = blobs

    async def look_forever(self, *, every_s: float = LOOK_EVERY_S) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self.look()

    async def look(self) -> None:
        for name, pid in self._pids.items():
            self._weigh(name, [pid])
            if children := list(descendants(pid)):
                self._weigh(f"{name}'s children", children)
                self.samples[name, "children"].append(len(children))
        memory = await self._client.info("memory")
        self.samples["data in Redis", "MB"].append(memory["used_memory"] / MB)
        self.samples["data in Redis", "keys"].append(await self._client.dbsize())
        blobs = sum(path.is_file() for path in self._blobs.rglob("*"))
        self.samples["blob store", "blobs"].append(blobs)

    def _weigh(self, name: str, pids: list[int]) -> None:
        resident = files = threads = 0
        for pid in pids:
            folder = Path("/proc", str(pid))
            with suppress(FileNotFoundError, ProcessLookupError):
                resident += int((folder / "statm").read_text().split()[1]) * PAGE_BYTES
                files += len(os.listdir(folder / "fd"))  # noqa: PTH208 - links that may be gone
                threads += len(os.listdir(folder / "task"))  # noqa: PTH208
        self.samples[name, "MB"].append(resident / MB)
        self.samples[name, "files"].append(files)
        self.samples[name, "threads"].append(threads)
