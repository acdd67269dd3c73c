"""What descriptions of operations are made of."""

from __future__ import annotations

from typing import Any, Final

from services.gateway.requests import CURSOR_DIGITS, DEFAULT_LIMIT, MAX_LIMIT
from shared.keys import SOCKET_ID_PATTERN

Json = dict[str, Any]

UUID_PATTERN: Final = "^[0-9a-f-]{36}$"


def ref(schema: str) -> Json:
    """Return a reference to a schema of the components."""
    return {"$ref": f"#/components/schemas/{schema}"}


def json_of(schema: Json | str) -> Json:
    """Return the content of a JSON body; `schema`: itself, or its name in the components."""
    return {"application/json": {"schema": ref(schema) if isinstance(schema, str) else schema}}


def text_of(media_type: str) -> Json:
    """Return the content of a body of text."""
    return {media_type: {"schema": {"type": "string"}}}


def answer(description: str, content: Json | None = None, **headers: Json) -> Json:
    """Return a response; `headers` by name, `_` for `-`."""
    response: Json = {"description": description}
    if headers:
        response["headers"] = {name.replace("_", "-"): each for name, each in headers.items()}
    if content is not None:
        response["content"] = content
    return response


def header(description: str, schema: Json) -> Json:
    """Return a header of a response that always has it."""
    return {"description": description, "required": True, "schema": schema}


def in_path(name: str, description: str, schema: Json) -> Json:
    return _parameter("path", name, description, schema) | {"required": True}


def in_query(name: str, description: str, schema: Json) -> Json:
    return _parameter("query", name, description, schema)


def in_header(name: str, description: str, schema: Json) -> Json:
    return _parameter("header", name, description, schema)


def _parameter(where: str, name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema}


LOCATION: Final = header("Where to find it.", {"type": "string", "format": "uri-reference"})
ETAG: Final = header("Stands for these bytes.", {"type": "string", "pattern": '^"[^"]+"$'})

LANGUAGE: Final = in_header(
    "Accept-Language", "`fr` or `en`, as RFC 9110 weighs them.", {"type": "string"}
)
SOCKET_ID: Final = in_header(
    "X-Socket-Id",
    "The socket ID that the notifier gave: where events go.",
    {"type": "string", "pattern": f"^({SOCKET_ID_PATTERN})?$"},
)
TRACEPARENT: Final = in_header(
    "traceparent",
    "The trace that the request belongs to (W3C Trace Context); any other text is ignored.",
    {"type": "string"},
)
IF_NONE_MATCH: Final = in_header("If-None-Match", "ETags at hand.", {"type": "string"})
CURSOR: Final = in_query(
    "cursor",
    "`nextCursor` of the page before; empty for the first.",
    {"type": "string", "pattern": f"^[0-9]{{0,{CURSOR_DIGITS}}}$"},
)


def limit(what: str, *, most: int = MAX_LIMIT, default: int = DEFAULT_LIMIT) -> Json:
    """Return the query parameter that says how many things are on a page."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return in_query("limit", f"How many {what} at most.", schema)
