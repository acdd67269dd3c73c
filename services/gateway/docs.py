"""`/api/openapi.json`, and `/api/docs`: a page to read it and to try it, from this host alone."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from services.gateway.openapi.document import document
from services.gateway.requests import json_response

_PACKAGE: Final = "flask_openapi3_swagger"
"""A package that carries the files of Swagger UI 5; only its files are used."""

_ASSETS: Final = {
    "swagger-ui.css": ("css", "text/css"),
    "swagger-ui-bundle.js": ("js", "text/javascript"),
}

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tagline API</title>
<link rel="stylesheet" href="/api/docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/api/docs/swagger-ui-bundle.js"></script>
<script src="/api/docs/start.js"></script>
</body>
</html>
"""

_START: Final = """SwaggerUIBundle({url: "/api/openapi.json", dom_id: "#swagger-ui"});
"""

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def docs_routes(*, keyed: bool) -> list[web.RouteDef]:
    """Return the routes; the page's files are looked for at the first request.

    `keyed`: whether API keys are configured.
    """

    async def openapi(_request: web.Request) -> web.Response:
        return json_response(document(keyed=keyed))

    return [
        web.get("/api/openapi.json", openapi),
        web.get("/api/docs", _page),
        web.get("/api/docs/start.js", _start),
        web.get("/api/docs/{name:swagger-ui[a-z.-]+}", _asset),
    ]


async def _page(_request: web.Request) -> web.Response:
    headers = {hdrs.CONTENT_SECURITY_POLICY: _CSP, hdrs.X_CONTENT_TYPE_OPTIONS: "nosniff"}
    return web.Response(text=_PAGE, content_type="text/html", headers=headers)


async def _start(_request: web.Request) -> web.Response:
    return web.Response(text=_START, content_type="text/javascript")


async def _asset(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    package = importlib.util.find_spec(_PACKAGE)
    if name not in _ASSETS or package is None or package.origin is None:
        raise web.HTTPNotFound
    folder, content_type = _ASSETS[name]
    path = Path(package.origin).parent / "templates" / "swagger" / folder / name
    return web.Response(
        body=await asyncio.to_thread(path.read_bytes),
        content_type=content_type,
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "public, max-age=86400"},
    )
