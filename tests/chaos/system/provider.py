"""The provider's moods: mostly well, sometimes slow, busy, broken or gone."""

from __future__ import annotations

import random
from typing import Final

from tests.support.openai_server import OpenAIServer, Reply, Rule, api_error

DELAYS_S: Final = {0.0: 20, 0.05: 40, 0.2: 30, 0.6: 8, 1.5: 2}
MOODS: Final = {"well": 90, "busy": 3, "broken": 3, "dropped": 2, "babbling": 2}
"""And how many in a hundred."""


def moody(server: OpenAIServer, seed: int) -> Rule:
    """Return how `server` answers: the same seed, the same moods in the order of the calls."""
    chance = random.Random(f"{seed} provider")

    def next_reply() -> Reply:
        server.delay_s = chance.choices(list(DELAYS_S), list(DELAYS_S.values()))[0]
        match chance.choices(list(MOODS), list(MOODS.values()))[0]:
            case "busy":
                return api_error(429, retry_after="0.5")
            case "broken":
                return api_error(500)
            case "dropped":
                return Reply(drop=True)
            case "babbling":
                return Reply(text="This is no JSON.")
            case _:
                return Reply()

    return next_reply
