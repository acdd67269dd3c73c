"""Run a command that ends when its parent ends, even if the parent is SIGKILLed.

    python -m deploy.local.tied PARENT_PID SIGNAL COMMAND...

becomes COMMAND (the same process ID) after asking for SIGNAL (TERM or KILL) at the parent's
death. Only the command itself is tied: what it starts in turn has to look after itself.

Linux: the kernel does it (`PR_SET_PDEATHSIG`, which survives exec). It watches the *thread* that
started the command, so start it from one that lives as long as the command should.

Elsewhere (macOS) nothing like it exists: a small process looks every second whether the parent
is still there. So the end comes up to a second late; it does not come if that small process is
killed as well, nor while the dead parent has not been collected by its own parent.
"""

from __future__ import annotations

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while the rest is imported is an end, and no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import ctypes
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PR_SET_PDEATHSIG = 1  # linux/prctl.h
WATCH_INTERVAL_S = 1.0
USAGE = "usage: python -m deploy.local.tied PARENT_PID TERM|KILL COMMAND..."


def tied(command: Sequence[str], *, end: signal.Signals = signal.SIGKILL) -> list[str]:
    """Return `command` wrapped, to be started by the calling process and tied to its life.

    SIGKILL is the default because a command that needs its parent's other children to end in
    order (a service draining into Redis) will not get that order any more.
    """
    name = end.name.removeprefix("SIG")
    # Isolated and without site: quick, and nothing from the environment gets in the way.
    wrapper = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    return [*wrapper, str(os.getpid()), name, *command]


def tie(parent_pid: int, end: signal.Signals) -> None:
    """Have the calling process sent `end` when its parent ends; at once if it has already.

    Raises OSError where the kernel refuses.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, int(end), 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    else:
        watch(parent_pid, end)
    # The parent may have died before the kernel was asked, and is then not noticed by it.
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), end)


def watch(parent_pid: int, end: signal.Signals) -> None:
    """Leave a child behind that sends `end` to the calling process once `parent_pid` is gone."""
    tied_pid = os.getpid()
    if os.fork() != 0:
        return
    # An inherited pipe held open here would keep its reader from seeing the command's end.
    os.closerange(0, 256)
    while os.getppid() == tied_pid:
        try:
            os.kill(parent_pid, 0)
        except ProcessLookupError:
            os.kill(tied_pid, end)
            break
        time.sleep(WATCH_INTERVAL_S)
    os._exit(0)


def main(arguments: Sequence[str]) -> str:
    """Become the command. Returns, with one line for stderr, only if that is not possible."""
    try:
        parent_pid, end = int(arguments[0]), signal.Signals[f"SIG{arguments[1]}"]
        program, *_ = command = list(arguments[2:])
    except (ValueError, KeyError, IndexError):
        return USAGE
    try:
        tie(parent_pid, end)
        os.execvp(program, command)  # noqa: S606 - without a shell is the point
    except OSError as error:
        return f"cannot run {program}: {error.strerror}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
