"""Calls that block, each in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any


async def in_thread(call: Callable[[], Any]) -> Any:
    """Return what `call` returns, or raise what it raises.

    Cancelled, it leaves the thread to itself. One that never ends keeps neither the others,
    which would wait for it in a pool, nor the process, which would join it there, from theirs.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def tell(value: Any, error: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((value, error))

    def work() -> None:
        value, error = None, None
        try:
            value = context.run(call)
        except BaseException as raised:  # noqa: BLE001  # also what would end a main thread
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, value, error)

    context = contextvars.copy_context()
    threading.Thread(target=work, name="stage", daemon=True).start()
    value, error = await ended
    if error is not None:
        raise error
    return value
