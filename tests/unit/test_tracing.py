"""Contexts of traces: read, carried by messages of both versions, and spans that nobody takes."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest
import structlog

from shared import tracing
from shared.broker import MESSAGE
from shared.commands import TagPhoto, tag_photo_entry
from tests.support.processes import free_port
from tests.support.waiting import wait_until

JOB = "0b9f2c1e-6a3d-4a52-9a6e-2f6d1c0b7a55"
GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (GIVEN, GIVEN),
        ("cc" + GIVEN[2:] + "-more", GIVEN),
        (GIVEN + "-more", ""),
        ("ff" + GIVEN[2:], ""),
        (GIVEN.upper(), ""),
        ("00-" + "0" * 32 + GIVEN[35:], ""),
        (GIVEN[:36] + "0" * 16 + "-01", ""),
        (GIVEN + "\n", ""),
        ("", ""),
    ],
)
def test_a_traceparent_is_read_as_its_standard_says(header: str, read: str) -> None:
    assert tracing.read(header) == read


def test_a_message_without_a_trace_is_as_it_was_and_has_the_id_of_its_job() -> None:
    fields = orjson.loads(tag_photo_entry(JOB, "normal", 7).fields[MESSAGE])["kwargs"]

    assert fields == {"version": 1, "photo_id": 7, "job_id": JOB}
    assert TagPhoto.model_validate(fields).traceparent == ""
    assert tracing.trace_id("", JOB) == "0b9f2c1e6a3d4a529a6e2f6d1c0b7a55"
    assert tracing.of_job("", JOB) == "00-0b9f2c1e6a3d4a529a6e2f6d1c0b7a55-9a6e2f6d1c0b7a55-01"


def test_a_message_carries_its_trace_and_is_taken_whatever_that_says() -> None:
    entry = tag_photo_entry(JOB, "normal", 7, traceparent=GIVEN)
    fields = orjson.loads(entry.fields[MESSAGE])["kwargs"]

    assert TagPhoto.model_validate(fields).traceparent == GIVEN
    assert TagPhoto.model_validate({**fields, "traceparent": "junk"}).traceparent == ""


def test_without_tracing_nothing_that_sends_spans_is_imported() -> None:
    program = (
        "import sys, services.gateway.app, services.notifier.app, services.tagger.app\n"
        "print(sorted({'shared.spans', 'opentelemetry.exporter'}.intersection(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (found.returncode, found.stdout) == (0, "[]\n"), found.stderr


async def test_spans_that_nobody_takes_harm_nothing_and_are_told_of_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    with structlog.testing.capture_logs() as logs:
        tracing.start("gateway", endpoint)
        try:
            for _ in range(3):
                with tracing.span("attempt", under=GIVEN):
                    assert tracing.passed_on("")[:36] == GIVEN[:36]
        finally:
            tracing.stop()
        # What the stop did not wait for is still at work.
        await wait_until(lambda: logs, timeout_s=60, what="it is told")

    assert not tracing.on()
    assert [line["event"] for line in logs] == ["spans_not_exported"]
