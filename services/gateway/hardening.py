"""What every answer tells browsers, unless its route says more: it is data, not a page."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

_DEFAULTS: Final = {
    hdrs.CONTENT_SECURITY_POLICY: "default-src 'none'; frame-ancestors 'none'; sandbox",
    hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
    "Referrer-Policy": "no-referrer",
}


async def harden(_request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that are not there: a signal handler for `on_response_prepare`."""
    hardened(response)


def hardened(response: web.StreamResponse) -> None:
    """Add the headers that are not there, before the answer begins."""
    for name, value in _DEFAULTS.items():
        response.headers.setdefault(name, value)
    response.headers[hdrs.SERVER] = "tagline"  # not the versions of Python and aiohttp
