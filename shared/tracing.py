"""One id for a photo's whole life: taken or made by the gateway, carried by messages and events.

A context is a text, the `traceparent` of https://www.w3.org/TR/trace-context/; `` where nobody has
given one, and the trace's id is then the job's: see `trace_id`. Spans cost a comparison, and
OpenTelemetry is not imported, until `start`.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from shared.spans import Spans

Kind = Literal["internal", "server", "client", "producer", "consumer"]

_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_FLAGS: Final = "01"
"""Sampled."""

_NOTHING: Final = nullcontext()
_spans: Spans | None = None


def start(service: str, endpoint: str | None) -> None:
    """Record spans of this process, if `endpoint` says where they are sent.

    Raises `ValueError` if OpenTelemetry is not installed.
    """
    global _spans  # noqa: PLW0603  # as logging is: of the whole process
    if not endpoint:
        return
    try:
        from shared.spans import Spans  # noqa: PLC0415  # an extra, seldom wanted
    except ImportError as error:
        raise ValueError(
            "OTEL_EXPORTER_OTLP_ENDPOINT needs OpenTelemetry, that is requirements/otel.txt:"
            f" {error}"
        ) from None
    _spans = Spans(service)


def stop() -> None:
    """Send what is left, as far as that goes within a moment, and record nothing more."""
    global _spans  # noqa: PLW0603
    if _spans is not None:
        _spans.close()
    _spans = None


def on() -> bool:
    """Say whether spans are recorded."""
    return _spans is not None


def read(traceparent: str) -> str:
    """Return a `traceparent` as we carry it on; `` if it is none."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (match[1] == "00" and match[5]):
        return ""
    return f"00-{match[2]}-{match[3]}-{match[4]}"


def trace_id(traceparent: str, job_id: str) -> str:
    """Return the id, 32 hex digits, that logs and spans of a job share."""
    return traceparent[3:35] if traceparent else job_id.replace("-", "")


def of_job(traceparent: str, job_id: str) -> str:
    """Return the context of a job's work: what its message carries, else one with its own id."""
    own = job_id.replace("-", "")
    return traceparent or f"00-{own}-{own[16:]}-{_FLAGS}"


def passed_on(otherwise: str) -> str:
    """Return the context for what the work under way has others do; `otherwise` without spans."""
    return otherwise if _spans is None else _spans.current() or otherwise


def span(
    name: str,
    *,
    under: str | None = None,
    kind: Kind = "internal",
    **attributes: str | float | None,
) -> AbstractContextManager[object]:
    """Record the body as a span.

    `under`: the context it belongs to, `` for a trace of its own; by default the span under way.
    """
    if _spans is None:
        return _NOTHING
    return _spans.span(name, under, kind, attributes)


def note(**attributes: str | float | None) -> None:
    """Say more of the span under way."""
    if _spans is not None:
        _spans.note(attributes)


def past(
    name: str, waited_s: float, *, under: str, kind: Kind = "internal", **attributes: str | int
) -> None:
    """Record a span that ends now and began `waited_s` ago."""
    if _spans is not None:
        _spans.past(name, waited_s, under, kind, attributes)
