"""Which origins may use a service from a browser: for CORS and for WebSocket handshakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def as_sent(origin: str) -> str:
    """Return an origin that somebody wrote as browsers send it: lower case, no default port.

    Raises `ValueError` for what is none.
    """
    no_origin = ValueError(f"{origin!r} is no origin such as https://photos.example")
    try:
        parts = urlsplit(origin)
        port, host = parts.port, parts.hostname
    except ValueError:  # brackets that hold no address, a port too high
        raise no_origin from None
    if not host or "@" in parts.netloc or parts.path not in {"", "/"} or set(origin) & set(" ?#"):
        raise no_origin
    shown = f"[{host}]" if ":" in host else host
    if port is not None and port != _DEFAULT_PORTS.get(parts.scheme):
        shown += f":{port}"
    return f"{parts.scheme}://{shown}"


def is_allowed(origin: str, *, host: str, allowed: Sequence[str]) -> bool:
    """Say whether `origin` (the header) may use a service addressed as `host` (the header).

    The service's own host may, on any port: page and notifier are neighbours. So may what
    `allowed` lists; `*` there is everyone.
    """
    if "*" in allowed or origin.rstrip("/") in allowed:
        return True
    ours = _hostname(f"//{host}")
    return ours is not None and _hostname(origin) == ours


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # brackets that hold no address, say
        return None
