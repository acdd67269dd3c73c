"""Spans by OpenTelemetry, sent in batches by a thread of their own; the extra `otel`.

`shared.tracing` is how the rest of Tagline speaks to it. Where they are sent, how many are kept and
which are sampled is read by OpenTelemetry from its own variables, `OTEL_*`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from shared.tracing import Kind

FLUSH_S: Final = 2.0
"""How long a stopping process tries to send what is left; whoever receives it may be away."""

_KINDS: Final = {kind.name.lower(): kind for kind in SpanKind}

logger = structlog.stdlib.get_logger()

Attributes = Mapping[str, str | int | float | None]


class Spans:
    """The spans of one process, of `service`. Never raises, nor waits, for want of a receiver."""

    def __init__(self, service: str) -> None:
        # Each of its complaints would come with each batch; ours come once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": f"tagline-{service}"}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(_Exporter(OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("tagline")

    def close(self) -> None:
        """Send what is left, for `FLUSH_S` at most."""
        # It takes no limit of its own, and would wait for half a minute.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(FLUSH_S)

    def current(self) -> str:
        """Return the context of the span under way; `` if there is none."""
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return ""
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    @contextmanager
    def span(
        self, name: str, under: str | None, kind: Kind, attributes: Attributes
    ) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name,
            context=None if under is None else _context(under),
            kind=_KINDS[kind],
            attributes=_given(attributes),
            # Texts of errors, and the chains behind them, may hold what a provider was sent.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                code = getattr(error, "code", None)
                span.set_status(Status(StatusCode.ERROR, str(code or type(error).__name__)))
                raise

    def note(self, attributes: Attributes) -> None:
        trace.get_current_span().set_attributes(_given(attributes))

    def past(
        self, name: str, waited_s: float, under: str, kind: Kind, attributes: Attributes
    ) -> None:
        ended_ns = time.time_ns()
        self._tracer.start_span(
            name,
            context=_context(under),
            kind=_KINDS[kind],
            attributes=_given(attributes),
            start_time=ended_ns - round(waited_s * 1e9),
        ).end(ended_ns)


class _Exporter(SpanExporter):
    """Says once that spans do not arrive, and once that they do again."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._fails = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        fails = result is not SpanExportResult.SUCCESS
        if fails and not self._fails:
            logger.warning("spans_not_exported", lost=len(spans))
        elif self._fails and not fails:
            logger.info("spans_exported_again")
        self._fails = fails
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _context(traceparent: str) -> Context:
    if not traceparent:
        return Context()
    _, trace_id, span_id, flags = traceparent.split("-")
    above = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    return trace.set_span_in_context(NonRecordingSpan(above), Context())


def _given(attributes: Attributes) -> dict[str, str | int | float]:
    return {name: value for name, value in attributes.items() if value is not None}
