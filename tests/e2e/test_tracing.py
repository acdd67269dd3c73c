"""One id from the upload to the socket: in spans, in events, and in the logs of all services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.stack import running_stack
from tests.support.cli import run_cli
from tests.support.clients import PHOTOS, get, upload, websocket
from tests.support.openai_server import OpenAIServer, api_error
from tests.support.otlp_receiver import OtlpReceiver
from tests.support.processes import ServiceProcess
from tests.support.waiting import wait_until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"
STAGES = ["stage analyzing", "stage ai", "stage saving"]


def logged(service: ServiceProcess, trace_id: str) -> set[str]:
    lines = [json.loads(line) for line in service.output.splitlines() if line.startswith("{")]
    return {line["event"] for line in lines if line.get("trace_id") == trace_id}


async def test_a_photo_whose_tagger_is_killed_is_one_trace_from_upload_to_socket(
    redis_url: str, tmp_path: Path
) -> None:
    async with OtlpReceiver() as receiver, OpenAIServer() as openai:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OPENAI_API_KEY": openai.key,
            "OPENAI_BASE_URL": openai.url,
            "TAGLINE_CLAIM_AFTER_MS": "1500",
            "TAGLINE_LOG": "json",
            "TAGLINE_LOG_LEVEL": "debug",
        }
        with running_stack(redis_url, tmp_path, tmp_path / "cache", settings) as stack:
            async with websocket(stack.notifier.url) as heard:
                # Given a photo whose first tagger dies in the provider's call
                openai.answering.clear()
                headers = {"X-Socket-Id": heard.socket_id, "traceparent": GIVEN}
                _, answer = await upload(stack.gateway.url, PHOTOS / "cat.jpg", headers=headers)
                await wait_until(lambda: openai.in_flight == 1, timeout_s=60)
                first = stack.tagger.pid
                await wait_until(lambda: receiver.named("stage analyzing"), timeout_s=60)
                stack.tagger.kill()
                # and whose next attempt fails and is tried again
                openai.replies.append(api_error(500))
                openai.answering.set()
                stack.tagger.start()
                await heard.until("photo:complete", timeout_s=60)
            code, life, _ = await run_cli(
                "trace", str(answer["id"]), "--url", stack.gateway.url, "--json"
            )
            _, printed, _ = await run_cli("trace", str(answer["id"]), "--url", stack.gateway.url)
            _, page = await get(f"{stack.gateway.url}/api/photos/{answer['id']}/jobs")
            for service in (stack.gateway, stack.tagger, stack.notifier):
                assert service.terminate() == 0, service.output
            lines = [
                logged(service, TRACE) for service in (stack.gateway, stack.tagger, stack.notifier)
            ]

    # Then what was sent to the socket names the trace
    assert {data["traceparent"][3:35] for _, data in heard.events if "photoId" in data} == {TRACE}
    # the logs of all services do
    assert lines[0] == {"photo_accepted"}
    assert {"photo_retried", "photo_tagged"} <= lines[1]
    assert lines[2] == {"event_sent"}
    # every span is in it, below the right one
    check_spans(receiver)
    # and the records tell the life
    assert code == 0
    check_life(json.loads(life)["moments"], first)
    assert f"trace {TRACE}" in printed
    assert page["items"][0]["traceId"] == TRACE


def check_spans(receiver: OtlpReceiver) -> None:
    by_id = {span.id: span for span in receiver.spans}
    (taken,) = receiver.named("POST /api/photos/upload")
    attempts = {span.attributes["attempt"]: span for span in receiver.named("attempt")}

    def above(name: str) -> set[str]:
        return {by_id[each.parent_id].name for each in receiver.named(name)}

    assert {span.trace_id for span in receiver.spans} == {TRACE}
    assert taken.parent_id == GIVEN[36:52]
    assert above("receive") == above("submit") == {taken.name}
    assert above("store") == {"receive"}
    assert above("queue") == above("attempt") == {taken.name}
    # Whoever is killed sends no more: of the first attempt there are the stages it was through.
    assert sorted(attempts) == [2, 3]
    assert not attempts[3].failed
    assert [attempts[2].attributes.get("error_code")] == ["provider_unavailable"]
    for attempt in attempts.values():
        below = [span.name for span in receiver.spans if span.parent_id == attempt.id]
        assert {"stage analyzing", "stage ai", "finish"} <= set(below)
    assert {span.name for span in receiver.spans if span.parent_id == attempts[3].id} >= {*STAGES}
    assert above("call") == {"stage ai"}
    assert above("deliver photo:complete") == above("deliver photo:retrying") == {"finish"}
    assert {span.service for span in receiver.spans} == {
        "tagline-gateway",
        "tagline-tagger",
        "tagline-notifier",
    }


def check_life(moments: list[dict[str, Any]], first: int) -> None:
    assert [moment["what"] for moment in moments] == [
        "accepted",
        "begun",
        "lost",
        "begun",
        "stage",
        "stage",
        "retry",
        "begun",
        *["stage"] * 3,
        "complete",
    ]
    assert moments[1]["details"]["by"].endswith(f":{first}")
    assert moments[6]["details"]["error"].startswith("provider_unavailable: ")
    assert moments[-1]["details"]["tokens"] == "100+20"
    assert moments[-1]["details"]["provider"] == "openai"


async def test_what_cannot_be_traced_is_one_line_and_exit_code_2(
    redis_url: str, tmp_path: Path
) -> None:
    environment = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}
    with ServiceProcess("gateway", {**environment, "TAGLINE_API_KEYS": "ann:s3cret-a"}) as gateway:
        gateway.wait_ready()
        keyless = await run_cli("trace", "1", "--url", gateway.url)
        unknown = await run_cli("trace", "1", "--url", gateway.url, "--key", "s3cret-a")
    away = await run_cli("trace", "1", "--url", gateway.url)

    assert keyless[0] == unknown[0] == away[0] == 2
    assert keyless[1] + unknown[1] + away[1] == ""
    assert unknown[2] == "tagline: There is no such photo\n"
    assert "key" in keyless[2].lower()
    assert "cannot reach" in away[2]
    assert [text.count("\n") for text in (keyless[2], unknown[2], away[2])] == [1, 1, 1]
