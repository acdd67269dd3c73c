"""What providers have said, so that nobody pays twice for the same answer.

Kept in Redis by photo, provider, model, question and language. Of several attempts that want
the same at the same moment, in whatever tagger, one asks and the others wait for its answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from pydantic import TypeAdapter
from redis.asyncio import Redis

from services.tagger.clock import Clock
from services.tagger.errors import BusyError
from services.tagger.farewells import Farewells
from services.tagger.gate import WAIT_MOST_S
from services.tagger.metrics import CACHE_LOOKUPS
from services.tagger.providers.provider import Provider, Question, Recognition
from shared import keys
from shared.errors import UnavailableError
from shared.redis import away_is_unavailable, script
from shared.tasks import end

SAID_PER_LEASE: Final = 4
KEPT_LEASES: Final = 10
"""How long it is known who makes a recognition, though nothing was heard of them."""

SILENT_SHARE: Final = 3
"""Who is not heard of loses it after a third of a lease more: by then all have said again that they
are at it who could not, because the server was away or stood still."""

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 0.5

FORMAT: Final = "1"
"""Of what is kept. Another one: nothing that was kept before is found any more."""

_JSON: Final = TypeAdapter(Recognition)

Make = Callable[[], Awaitable[Recognition]]

logger = structlog.stdlib.get_logger()


def digest_of(photo_sha256: str, question: str) -> str:
    """Return what the recognition of a photo is kept under; `question`: the digest of that."""
    return f"{photo_sha256}:{question}"


def digest_of_question(provider: Provider, question: Question) -> str:
    """Return what the recognitions by that question are kept under, besides the photo."""
    parts = (FORMAT, provider.name, provider.fingerprint(question))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Cache:
    """The recognitions, for `ttl_s` each; 0 keeps none. Raises `UnavailableError`.

    `lease_ms`: how long others wait for one that is not heard of, before they ask themselves.
    """

    def __init__(self, redis: Redis, *, ttl_s: int, lease_ms: int) -> None:
        self._lease_ms = lease_ms
        self._ttl_ms = ttl_s * 1000
        self._ask = script(redis, "cache_ask")
        self._keep = script(redis, "cache_keep")
        self._leave = script(redis, "cache_leave")
        self._process = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._making: dict[str, str] = {}
        self._farewells = Farewells("recognition_not_left")
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to say what this process is making."""
        self._keeping = asyncio.create_task(self._keep_saying())

    async def close(self) -> None:
        """Leave to others what this process was making."""
        await end(self._keeping)
        await self._farewells.all_said()

    async def recognition(
        self,
        digest: str,
        make: Make,
        *,
        clock: Clock,
        fresh: bool = False,
        known: bytes | None = None,
        job_id: str = "",
    ) -> tuple[Recognition, bool]:
        """Return the recognition kept under `digest`, made if there is none, and if it was kept.

        `clock` stands still while another makes it; after `WAIT_MOST_S` raises `BusyError`.
        `fresh`: make it anew, whatever there is. `known`: what is kept, if that has been read.
        `job_id`: whose attempt wants it; one before that was at it, in a tagger that died, is over.
        """
        if not self._ttl_ms:
            return await make(), False
        token = f"{self._process}:{next(self._numbers)}:{job_id}"
        if fresh:
            CACHE_LOOKUPS.labels(result="fresh").inc()
        elif known is not None:
            CACHE_LOOKUPS.labels(result="hit").inc()
            return _JSON.validate_json(known), True
        else:
            with clock.stopped():
                kept = await self._kept(digest, token, job_id)
            if kept is not None:
                return kept, True
        self._making[token] = digest
        try:
            made = await make()
        except BaseException:
            self._farewells.say(self._end(digest, token))
            raise
        finally:
            del self._making[token]
        # It is paid for: also if this task is cancelled meanwhile.
        await asyncio.shield(self._farewells.say(self._end(digest, token, _JSON.dump_json(made))))
        return made, False

    async def _kept(self, digest: str, token: str, job_id: str) -> Recognition | None:
        """Return what is kept, None if it is on this one to make it. Raises `BusyError`."""
        pause_s, found = FIRST_PAUSE_S, "hit"
        until_s, patience_s = time.monotonic() + WAIT_MOST_S, self._lease_ms / SILENT_SHARE / 1000
        silent_s: float | None = None
        takes = False
        while (answer := await self._asked(digest, token, job_id, takes=takes))[0] == b"wait":
            now_s = time.monotonic()
            if now_s >= until_s:
                raise BusyError
            silent_s = None if answer[1] else silent_s or now_s
            takes = silent_s is not None and now_s >= silent_s + patience_s
            found = "shared"
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))  # noqa: S311  # no secret
            pause_s = min(LONGEST_PAUSE_S, pause_s * 1.5)
        if answer == [b"yours"]:
            CACHE_LOOKUPS.labels(result="miss").inc()
            return None
        CACHE_LOOKUPS.labels(result=found).inc()
        return _JSON.validate_json(answer[1])

    async def _asked(self, digest: str, token: str, job_id: str, *, takes: bool) -> Any:
        try:
            with away_is_unavailable():
                return await self._ask(
                    keys=[keys.recognition(digest), keys.recognizing(digest)],
                    args=[token, self._lease_ms, self._lease_ms * KEPT_LEASES, int(takes), job_id],
                )
        except asyncio.CancelledError:
            self._farewells.say(self._end(digest, token))
            raise

    async def _end(self, digest: str, token: str, json: bytes = b"") -> None:
        with away_is_unavailable():
            await self._leave(
                keys=[keys.recognition(digest), keys.recognizing(digest)],
                args=[token, json, self._ttl_ms],
            )

    async def _keep_saying(self) -> None:
        while True:
            await asyncio.sleep(self._lease_ms / SAID_PER_LEASE / 1000)
            making = dict(self._making)
            if not making:
                continue
            try:
                with away_is_unavailable():
                    await self._keep(
                        keys=[keys.recognizing(digest) for digest in making.values()],
                        args=[self._lease_ms * KEPT_LEASES, *making],
                    )
            except UnavailableError as error:
                logger.warning("recognitions_not_kept", why=str(error))
            except Exception:  # without this task others make them again
                logger.exception("cache_broke")
