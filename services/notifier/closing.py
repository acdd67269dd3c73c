"""Why we close a socket: the codes of `docs/realtime.md`."""

from __future__ import annotations

import enum


class Close(enum.IntEnum):
    """A WebSocket close code (RFC 6455, 7.4); from 4000 on they are ours."""

    GOING_AWAY = 1001
    """This notifier is stopping. Come back: another one will serve you."""

    BAD_PROTOCOL = 1002
    """The client does not keep to the protocol."""

    TOO_BIG = 1009
    """The client has sent a frame that is too large."""

    TRY_AGAIN = 1013
    """Redis is away, or was replaced. Come back in a moment."""

    TAKEN_OVER = 4001
    """Another connection resumed this socket ID. Do not come back."""

    TOO_SLOW = 4008
    """The client does not read fast enough. Come back: what it missed is sent then."""

    BAD_RESUME = 4400
    """The resume request makes no sense. Connect anew, without one."""

    TOO_MANY = 4429
    """The client sends more frames than a client has reason to. Come back after a pause."""

    @property
    def comes_back(self) -> bool:
        """Whether the client should connect again, to resume."""
        return self in {Close.GOING_AWAY, Close.TRY_AGAIN, Close.TOO_SLOW, Close.TOO_MANY}
