"""A process that decodes images and may be killed: `python -m shared.decoding.child`.

Its one argument is the memory, in bytes, that it may take for a decode. It
talks on the socket it finds as its standard input (see `protocol.py`), one
request at a time, and ends when that socket does.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared.decoding.protocol import REPLY, REQUEST, Form, Status
from shared.errors import BadImageError
from shared.parent import die_with_parent

if TYPE_CHECKING:
    from typing import BinaryIO, Protocol

    class Decode(Protocol):
        def __call__(
            self, data: bytes, *, form: Form, longest_side_px: int, max_pixels: int
        ) -> tuple[int, int, bytes]: ...


_MOST_CPU_S = 20
"""What one image may take of a processor: for when nobody is there to look at the clock."""


def main() -> None:
    # Ctrl-C and a service manager signal the whole group: a decode that the
    # parent still wants is finished, and the end of the socket ends the rest.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    die_with_parent()  # the end of the socket says the same, but nobody reads it in a decode
    # Only now: it takes a tenth of a second, in which signals may come.
    from shared.decoding import pixels  # noqa: PLC0415

    pixels.prepare()
    _limit(memory_bytes=int(sys.argv[1]))
    with (
        contextlib.suppress(ConnectionError),  # the parent has gone
        socket.socket(fileno=os.dup(sys.stdin.fileno())) as channel,
        channel.makefile("rb") as requests,
    ):
        channel.sendall(REPLY.pack(Status.READY, 0, 0, 0))
        _silence_libraries()
        while _serve(requests, channel, pixels.decode):
            pass


def _serve(requests: BinaryIO, channel: socket.socket, decode: Decode) -> bool:
    """Answer one request. False: there will be no other."""
    header = requests.read(REQUEST.size)
    if len(header) < REQUEST.size:
        return False
    form, longest_side_px, max_pixels, size_bytes = REQUEST.unpack(header)
    _allow(cpu_s=_MOST_CPU_S)
    try:
        data = requests.read(size_bytes)
        width, height, body = decode(
            data, form=Form(form), longest_side_px=longest_side_px, max_pixels=max_pixels
        )
    except BadImageError as error:
        text = str(error).encode()
        channel.sendall(REPLY.pack(Status.BAD_IMAGE, 0, 0, len(text)) + text)
    except MemoryError:
        channel.sendall(REPLY.pack(Status.OUT_OF_MEMORY, 0, 0, 0))
        return False
    else:
        channel.sendall(REPLY.pack(Status.PICTURE, width, height, len(body)))
        channel.sendall(body)
    return True


def _limit(*, memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # sockets are not files
    if sys.platform == "linux":  # elsewhere the address space cannot be limited
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _allow(*, cpu_s: int) -> None:
    """Let this process live for so much longer; it is killed by the kernel beyond."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most_s = int(used.ru_utime + used.ru_stime) + 1 + cpu_s
    resource.setrlimit(resource.RLIMIT_CPU, (most_s, resource.RLIM_INFINITY))


def _silence_libraries() -> None:
    # C libraries print what they think of a broken file, and may quote it.
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())


if __name__ == "__main__":
    main()
