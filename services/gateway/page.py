"""The web page: the files that `web/` is built into, and what the page is told about this gateway.

Where it was not built, `/` leads to the documentation of the API.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from aiohttp import hdrs, web

from services.gateway.requests import json_response
from services.gateway.settings import GatewaySettings

PATHS: Final = ("/", r"/photos/{id:\d{1,16}}", "/queue")
"""The paths of the page itself: one file for all of them, which looks at the path."""

CONFIG: Final = "/page-config.json"
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
# What the system calls them may be something else, which browsers then refuse to run.
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_HOST: Final = re.compile(r"[A-Za-z0-9.:-]{1,253}")

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self' {notifier}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
}


def page_routes(settings: GatewaySettings) -> list[web.RouteDef]:
    """Return the page's routes; its folder is looked at once, now."""
    if not (settings.page_dir / "index.html").is_file():
        return [web.get("/", _to_docs)]
    page = Page(settings)
    return [
        *(web.get(path, page.index) for path in PATHS),
        web.get(CONFIG, page.config),
        web.get("/assets/{name:[A-Za-z0-9_.-]{1,255}}", page.asset),
        web.get("/favicon.svg", page.icon),
    ]


async def _to_docs(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/api/docs")


class Page:
    """Serves the built page. Its files are open to all: what they show asks for a key."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._folder = settings.page_dir
        self._notifier = settings.public_notifier_url
        self._limits = {
            "maxUploadBytes": settings.max_upload_bytes,
            "maxBatch": settings.max_batch,
        }

    async def index(self, request: web.Request) -> web.StreamResponse:
        origin = urlsplit(self._notifier_url(request))
        hosts = f"{origin.scheme}://{origin.netloc} ws{origin.scheme[4:]}://{origin.netloc}"
        headers = {
            **_HEADERS,
            hdrs.CONTENT_SECURITY_POLICY: _CSP.format(notifier=hosts),
            hdrs.CACHE_CONTROL: "no-cache",
        }
        return _file(self._folder / "index.html", headers)

    async def config(self, request: web.Request) -> web.Response:
        body = {"notifierUrl": self._notifier_url(request), **self._limits}
        return json_response(body, headers={hdrs.CACHE_CONTROL: "no-cache"})

    async def asset(self, request: web.Request) -> web.StreamResponse:
        # The name carries a hash of the content, and holds no slash.
        headers = {**_HEADERS, hdrs.CACHE_CONTROL: _IMMUTABLE}
        return _file(self._folder / "assets" / request.match_info["name"], headers)

    async def icon(self, _request: web.Request) -> web.StreamResponse:
        return _file(self._folder / "favicon.svg", {hdrs.CACHE_CONTROL: "public, max-age=86400"})

    def _notifier_url(self, request: web.Request) -> str:
        """Return where this browser finds the notifier.

        One on this machine goes by the name that the gateway was reached by: `localhost`, or
        the machine's name in its network.
        """
        url, host = urlsplit(self._notifier), _host_of(request)
        if url.hostname not in _LOOPBACK or not _HOST.fullmatch(host):
            return self._notifier
        netloc = f"[{host}]" if ":" in host else host
        return urlunsplit(url._replace(netloc=f"{netloc}:{url.port}" if url.port else netloc))


def _host_of(request: web.Request) -> str:
    """Return the name that the gateway was reached by; `` if that is none."""
    try:
        return urlsplit(f"//{request.host}").hostname or ""
    except ValueError:  # `[::1`
        return ""


def _file(path: Path, headers: dict[str, str]) -> web.FileResponse:
    if not path.is_file():
        raise web.HTTPNotFound
    if content_type := _TYPES.get(path.suffix):
        headers = {**headers, hdrs.CONTENT_TYPE: content_type}
    return web.FileResponse(path, headers=headers)
