"""Which origins may use a service from a browser: for CORS and for WebSocket handshakes."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit


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
