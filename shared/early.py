"""Signals that come while a program is still being imported: nothing has begun, so it just ends.

By default the first process of a container would not end at all, and have forgotten that it was to.
"""

from __future__ import annotations

import os
import signal


def end_when_told() -> None:
    """Until others handle them, end at SIGTERM with 0, and at SIGINT, Ctrl-C, as by default."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # nobody has it ignored
        signal.signal(signal.SIGINT, lambda *_: _end_by(signal.SIGINT))


def _end_by(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    os._exit(128 + number)  # the first process of a container is still there
