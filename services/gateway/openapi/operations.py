"""`/healthz`, `/readyz`, `/metrics`, and the description itself with its page."""

from __future__ import annotations

from typing import Final

from services.gateway.openapi.operation import operation
from services.gateway.openapi.parts import Json, answer, header, in_path, json_of, text_of

_JAVASCRIPT: Final = text_of("text/javascript")

_HOME: Final = operation(
    "home",
    "The page; where it is not built, the way to the page of this description",
    answers={
        "200": answer("The page.", text_of("text/html")),
        "302": answer("It is over there.", Location=header("Its path.", {"type": "string"})),
    },
    keyed=False,
)

_ASSET: Final = operation(
    "getDocsAsset",
    "A file of the page of this description",
    parameters=[
        in_path(
            "name",
            "The file.",
            {"type": "string", "examples": ["swagger-ui.css", "swagger-ui-bundle.js"]},
        )
    ],
    answers={"200": answer("The file.", {**_JAVASCRIPT, **text_of("text/css")})},
    errors=["not_found"],
    keyed=False,
)


def _open(name: str, summary: str, content: Json) -> Json:
    return operation(name, summary, answers={"200": answer(f"{summary}.", content)}, keyed=False)


_READY: Final = operation(
    "readiness",
    "Whether what the gateway depends on answers",
    answers={
        "200": answer("All of it does.", json_of("Readiness")),
        "503": answer("Something does not, or the gateway is draining.", json_of("Readiness")),
    },
    keyed=False,
)

PATHS: Final[Json] = {
    "/": {"get": _HOME},
    "/api/openapi.json": {
        "get": _open("getDescription", "This description", json_of({"type": "object"}))
    },
    "/api/docs": {"get": _open("getDocs", "A page to read this description", text_of("text/html"))},
    "/api/docs/start.js": {"get": _open("getDocsStart", "What starts the page", _JAVASCRIPT)},
    "/api/docs/{name}": {"get": _ASSET},
    "/healthz": {"get": _open("liveness", "Whether the gateway lives", json_of("Liveness"))},
    "/readyz": {"get": _READY},
    "/metrics": {"get": _open("metrics", "Metrics for Prometheus", text_of("text/plain"))},
}
