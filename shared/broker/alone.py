"""The last life of a message, which it lives alone: so that only the guilty die of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from dramatiq import Broker, MessageProxy, Middleware

from .entries import StreamMessage

LOOK_EVERY_S: Final = 0.1
"""How often it is looked whether what runs is stuck by now."""


class Alone(Middleware):
    """Runs a message that may cost no worker more, and nothing beside it.

    A worker that dies takes all that it holds with it, and each message pays with a death. Were
    the last one not lived alone, whatever ran beside a poison message would end as poison, too.
    While such a message runs, or waits for what runs to end, its worker fetches nothing, and
    gives back what it has not started: by `hand_back`. It is not begun before all that is held
    besides it, which `others` tells, has ended or is back in its queue: a death counts for that,
    too. What is stuck, beyond its time, is not waited for: its message has gone on.

    The first of all middleware: what it waits is not on any other's clock.
    """

    def __init__(
        self,
        *,
        max_deaths: int,
        hand_back: Callable[[], None],
        others: Callable[[StreamMessage], bool],
    ) -> None:
        self._last_deaths = max_deaths - 1
        self._hand_back = hand_back
        self._others = others
        self._changed = threading.Condition()
        self._running: dict[int, StreamMessage] = {}  # by thread
        self._alone: StreamMessage | None = None
        self._stopping = False

    @property
    def wanted(self) -> bool:
        """Whether a message runs alone, or waits to; not one that is stuck."""
        return self._alone is not None and not self._alone.overdue

    @property
    def overdue(self) -> int:
        """How many messages have been worked on for longer than they may."""
        with self._changed:
            return sum(message.overdue for message in self._running.values())

    def boot(self) -> None:
        """Begin: nothing runs."""
        with self._changed:
            self._running.clear()
            self._alone, self._stopping = None, False

    def stop(self) -> None:
        """Let nothing wait any more: what was to run alone is given back."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def before_process_message(self, _broker: Broker, message: MessageProxy) -> None:
        if not isinstance(message, StreamMessage) or not self._is_last_life(message):
            return
        with self._changed:
            if self.wanted:
                return
            self._alone = message
        # What was being fetched when this was wanted comes only now.
        while True:
            self._hand_back()
            others = self._others(message)
            with self._changed:
                if self._stopping or not (others or self._runs()):
                    break
                self._changed.wait(LOOK_EVERY_S)

    def begin(self, message: StreamMessage) -> bool:
        """Note that `message` starts in this thread; False if it must not, beside another."""
        with self._changed:
            if self._is_last_life(message):
                allowed = self._alone is message and not self._runs()
            else:
                allowed = not self.wanted
            if allowed:
                self._running[threading.get_ident()] = message
            return allowed

    def end(self, message: MessageProxy) -> None:
        """Note that `message` has ended in this thread, whether or not it had started."""
        with self._changed:
            self._running.pop(threading.get_ident(), None)
            if self._alone is message:
                self._alone = None
            self._changed.notify_all()

    def _runs(self) -> bool:
        return any(not message.overdue for message in self._running.values())

    def _is_last_life(self, message: StreamMessage) -> bool:
        # Where one death is too many, all would be alone.
        return message.deaths == self._last_deaths > 0
