"""A service that is started before its server, or loses it as it starts, waits for it."""

from __future__ import annotations

import redis.exceptions

from shared.redis import once_there


async def test_what_is_done_at_the_start_is_done_once_the_server_is_there() -> None:
    answers = [
        redis.exceptions.ConnectionError("not yet"),
        redis.exceptions.BusyLoadingError("not yet"),
        None,
    ]
    asked: list[object] = []

    async def do() -> None:
        answer = answers[len(asked)]
        asked.append(answer)
        if answer is not None:
            raise answer

    await once_there(do)

    assert asked == answers
