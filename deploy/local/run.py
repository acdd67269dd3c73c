"""`make run`: Tagline in the foreground, with a Redis-compatible server of its own.

All it keeps is below `var/` of the working directory, which is the clone's root.
"""

from __future__ import annotations

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while the rest is imported is an end, and no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import errno
import os
import re
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.lock import AlreadyRunningError, NotOursError, hold
from deploy.local.server import EmbeddedServer, ServerError
from deploy.local.supervisor import Service, Supervisor

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE = Path("var")
# In the order they are started, with the variable and the default of each one's port.
PORTS = {
    "gateway": ("TAGLINE_GATEWAY_PORT", 8888),
    "notifier": ("TAGLINE_NOTIFIER_PORT", 8889),
    "tagger": ("TAGLINE_TAGGER_PORT", 9191),
}
# Where a service that listens everywhere is reached from this machine.
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
MAXIMUM_PORT = 65535
LAST_WORDS_S = 17.0  # how long after its grace a service is gone at the latest, and a little


class SettingError(Exception):
    """A variable has a value that cannot be used. The text is for the user."""


class PortError(Exception):
    """A port cannot be listened on. The text is for the user."""


@dataclass(frozen=True)
class Settings:
    """What this program itself reads; the services read the environment on their own."""

    bind: str
    ports: dict[str, int]  # by service
    redis_url: str | None  # None: start a server
    grace_s: float  # what the services are told

    def url(self, service: str) -> str:
        """Where `service` is reached from this machine."""
        host = LOOPBACK.get(self.bind, self.bind)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.ports[service]}"


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Raises SettingError."""
    ports: dict[str, int] = {}
    for service, (variable, default) in PORTS.items():
        text = environment.get(variable) or str(default)
        if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MAXIMUM_PORT):
            raise SettingError(f"{variable} is {text!r}: it has to be a port, 1 to {MAXIMUM_PORT}.")
        for other, port in ports.items():
            if port == int(text):
                raise SettingError(f"{PORTS[other][0]} and {variable} are both {port}.")
        ports[service] = int(text)
    return Settings(
        bind=environment.get("TAGLINE_BIND") or "127.0.0.1",
        ports=ports,
        redis_url=environment.get("REDIS_URL") or None,
        grace_s=_number(environment.get("TAGLINE_GRACE_S"), 10),
    )


def _number(text: str | None, default: float) -> float:
    try:
        return float(text or default)
    except ValueError:
        return default  # the services say what is wrong with it


def check_ports(settings: Settings) -> None:
    """Raises PortError or SettingError, naming what to change, if a port cannot be had."""
    refused = []
    for service, port in settings.ports.items():
        family = socket.AF_INET6 if ":" in settings.bind else socket.AF_INET
        with socket.socket(family) as probe:
            # What is left of a connection that has ended is in nobody's way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.bind, port))
            except (OSError, TypeError) as error:  # TypeError: of a name that no host can have
                known = (errno.EADDRINUSE, errno.EACCES)
                if not isinstance(error, OSError) or error.errno not in known:
                    raise SettingError(f"TAGLINE_BIND is {settings.bind!r}: {error}.") from None
                refused.append(f"port {port}: {error.strerror} ({PORTS[service][0]} changes it)")
    if refused:
        raise PortError(f"Cannot listen on {settings.bind}, {', '.join(refused)}.")


def service_environment(
    environment: Mapping[str, str], settings: Settings, redis_url: str
) -> dict[str, str]:
    """Return what the services get: all that the caller has set, and what follows from it."""
    defaults = {"TAGLINE_PUBLIC_NOTIFIER_URL": settings.url("notifier")}
    if sys.stdout.isatty():
        # What a service writes to is a pipe, but it ends on a terminal.
        defaults["TAGLINE_LOG"] = "console"
    given = {name: value for name, value in environment.items() if value or name not in defaults}
    return {**defaults, **given, "REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1"}


def run(settings: Settings) -> int:
    """Run until a signal comes.

    Raises PortError, SettingError or ServerError before anything is started.
    """
    check_ports(settings)
    server = None if settings.redis_url else _own_server()
    redis_url = server.url if server else settings.redis_url or ""
    # A password is not for the terminal.
    shown = re.sub(r"//.*@", "//***@", redis_url)
    shown = re.sub(r"password=[^&]*", "password=***", shown)
    supervisor = Supervisor(
        [
            Service(name, (sys.executable, "-m", f"services.{name}"), settings.url(name))
            for name in PORTS
        ],
        server=server,
        environment=service_environment(os.environ, settings, redis_url),
        grace_s=settings.grace_s + LAST_WORDS_S,
        ready_line=(
            f"Tagline is ready: page {settings.url('gateway')} · "
            f"notifier {settings.url('notifier')} · redis {shown}"
        ),
    )
    return asyncio.run(supervisor.run())


def _own_server() -> EmbeddedServer:
    server = EmbeddedServer(STATE / "redis")
    for folder in server.passed_over:
        print(f"{folder} is another server's: this one begins anew, in {server.data}.", flush=True)
    return server


def main() -> int:
    try:
        settings = read_settings(os.environ)
        with hold(STATE):
            return run(settings)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    except (AlreadyRunningError, NotOursError, PortError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
