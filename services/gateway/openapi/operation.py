"""One operation: what it takes, and everything it may answer."""

from __future__ import annotations

from collections.abc import Sequence

from services.gateway.openapi.parts import Json
from services.gateway.openapi.problems import problems


def operation(
    name: str,
    summary: str,
    *,
    answers: Json,
    errors: Sequence[str] = (),
    description: str | None = None,
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    keyed: bool = True,
) -> Json:
    """Return the description of an operation.

    `name`: what generated clients call it. `errors`: codes of its problems. `keyed`: whether it
    asks for an API key, where keys are configured.
    """
    described: Json = {"operationId": name, "summary": summary}
    if description:
        described["description"] = description
    if parameters:
        described["parameters"] = list(parameters)
    if body:
        described["requestBody"] = body
    if not keyed:
        described["security"] = []
    codes = ["unauthorized", *errors] if keyed else errors
    described["responses"] = {**answers, **problems(codes)}
    return described
