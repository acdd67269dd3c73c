"""Waiting for something to become true, in place of sleeping and hoping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

_POLL_S = 0.01


async def wait_until(
    condition: Callable[[], object | Awaitable[object]], *, timeout_s: float = 10, what: str = ""
) -> None:
    """Return once `condition()`, awaited if it is a coroutine, is true.

    Raises `AssertionError`, naming `what`, if that takes more than `timeout_s`.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        outcome = condition()
        if inspect.isawaitable(outcome):
            outcome = await outcome
        if outcome:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {timeout_s} s: {what or condition}")
        await asyncio.sleep(_POLL_S)
