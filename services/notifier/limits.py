"""How much one client may ask of a notifier, and for how long it is waited for."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

MAX_FRAMES: Final = 256
"""How many frames may wait to be sent to one socket."""

MAX_BYTES: Final = 256 * 1024
"""How many bytes may; the frame that passes it is the last that is taken."""

MAX_MESSAGE_BYTES: Final = 16 * 1024
"""The largest frame that a client may send."""

MESSAGES_A_SECOND: Final = 20
"""How many frames a client may send; none has reason to send more than a few a minute."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say of the sockets of one notifier."""

    max_sockets: int
    max_sockets_per_key: int
    connects_per_s: int


@dataclass(frozen=True, slots=True)
class Timing:
    """For how long a client is waited for, and what is done how often; in seconds."""

    ping_every_s: float = 20
    pong_within_s: float = 10
    """A client that is silent for so long after a ping is gone."""

    unreachable_after_s: float = 15
    """After so long without an acknowledgement of what was sent, the other machine is gone."""

    stalled_after_s: float = 7
    """A write that did not drain for so long is a client that does not read."""

    close_within_s: float = 2
    """How long a client may take to answer a close before it is cut off."""

    drain_over_s: float = 2
    """Over how long a stopping notifier spreads the closing of its sockets."""

    report_every_s: float = 5
    """How often a notifier says how many sockets it holds."""

    connect_within_s: float = 15
    """How long a connection may take to send its request, or a Socket.IO client to connect."""


class Bucket:
    """Lets `rate` through a second, and as many at once."""

    __slots__ = ("_at_s", "_left", "_rate")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left = float(rate)
        self._at_s = time.monotonic()

    def take(self) -> bool:
        """Say whether one more may pass now, and count it."""
        now_s = time.monotonic()
        self._left = min(float(self._rate), self._left + (now_s - self._at_s) * self._rate)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
