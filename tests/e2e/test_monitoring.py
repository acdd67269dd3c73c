"""Prometheus on the running services: the dashboard's queries are answered, and alerts fire.

Their minutes are seconds here; `deploy/prometheus/rules_test.yml` has them at their own pace.
"""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from shared.keys import new_socket_id
from tests.e2e.stack import Stack, running_stack
from tests.support.api import Api
from tests.support.clients import socket_io, upload, websocket
from tests.support.metrics_page import MODULES, alerts, metrics_of, name_of
from tests.support.openai_server import OpenAIServer, api_error
from tests.support.openai_stack import photo, until_complete, uploaded
from tests.support.processes import ROOT, ServiceProcess
from tests.support.prometheus import Prometheus, promtool, running_prometheus
from tests.support.redis_server import temporary_server
from tests.support.waiting import wait_until

DASHBOARD: Final = ROOT / "deploy" / "grafana" / "dashboards" / "tagline.json"

SETTINGS: Final = {
    "TAGLINE_DAILY_BUDGET_USD": "10",
    "TAGLINE_MAX_ATTEMPTS": "2",
    "TAGLINE_THREADS": "4",
}


@pytest.mark.timeout(480)  # Prometheus, and alerts, take their time
async def test_every_query_is_answered_and_alerts_fire_when_they_should(tmp_path: Path) -> None:
    async with OpenAIServer() as openai:
        settings = {"OPENAI_API_KEY": openai.key, "OPENAI_BASE_URL": openai.url, **SETTINGS}
        with (
            temporary_server(settings=("maxmemory 1gb",)) as server,
            running_stack(server.url, tmp_path, tmp_path / "cache", settings) as stack,
            running_prometheus(tmp_path / "prometheus", _targets(stack)) as prometheus,
        ):
            await wait_until(prometheus.is_ready, timeout_s=60, what="Prometheus is ready")
            # Given all that the dashboard has a panel for, seen to grow: twice
            for number in (0, 1):
                await _scraped(prometheus)
                await asyncio.gather(_work(stack, openai, 1000 * number), _watch(stack))

            # I expect what is documented to be told as Prometheus wants it
            for service in (stack.gateway, stack.tagger, stack.notifier):
                _check_told(service)

            # I expect each query to have an answer
            await _all_answered(prometheus)

            # I expect the rules to be there, and those two to find no fault yet
            (group,) = (await prometheus.ask("rules"))["groups"]
            assert [each["name"] for each in group["rules"]] == [each["alert"] for each in alerts()]
            assert {each["health"] for each in group["rules"]} == {"ok"}
            assert not {"TaglineNothingTagged", "TaglineProviderDown"} & await prometheus.firing()

            # If the tagger stops, and the provider fails when it is back, I expect alerts
            await _a_tagger_stops(stack, prometheus)
            await _a_provider_fails(stack, openai, prometheus)


def _targets(stack: Stack) -> dict[str, str]:
    services = (stack.gateway, stack.notifier, stack.tagger)
    return {service.name: service.url for service in services}


async def _scraped(prometheus: Prometheus) -> None:
    """Wait until each service has been asked once more."""

    async def least() -> float:
        counts = await prometheus.values("count_over_time(up[5m])")
        return min(counts) if len(counts) == 3 else 0

    before = await least()

    async def more() -> bool:
        return await least() > before

    await wait_until(more, timeout_s=60, what="all services are scraped")


async def _work(stack: Stack, openai: OpenAIServer, first: int) -> None:
    """Have photos tagged, tagged from the cache, tried again, failed for good, and refused.

    No photo before has a number from `first` on.
    """
    gateway, api = stack.gateway, Api(stack.gateway.url)
    openai.replies.extend([api_error(500), api_error(429, Retry_After="1")])
    ids = await uploaded(gateway, [photo(first + number) for number in range(4)])
    await until_complete(gateway, ids, timeout_s=60)
    again = await uploaded(gateway, [photo(first)])
    await until_complete(gateway, again, timeout_s=60)
    openai.replies.append(api_error(400))
    (failed,) = await uploaded(gateway, [photo(first + 4)])

    async def has_failed() -> bool:
        return bool((await api.photo(failed))["status"] == "error")

    await wait_until(has_failed, timeout_s=60, what="the photo has failed")
    assert (await upload(gateway.url, b"no image"))[0] == 415
    async with aiohttp.ClientSession() as session:
        for path in (f"{ids[0]}/thumbnail", f"{ids[0]}/similar"):
            async with session.get(f"{gateway.url}/api/photos/{path}") as response:
                assert response.status == 200


async def _watch(stack: Stack) -> None:
    """Have a photo watched over each transport, and sockets that come back."""
    url = stack.notifier.url
    async with websocket(url) as heard, socket_io(url), aiohttp.ClientSession() as session:
        async with session.get(f"{url}/sse") as response:
            await response.content.readline()
            status, _ = await upload(
                stack.gateway.url, photo(50), headers={"X-Socket-Id": heard.socket_id}
            )
            assert status == 202
            await heard.until("photo:complete", timeout_s=60)
        resumed = {"socketId": heard.socket_id, "lastEventId": heard.ids[1]}
        async with websocket(url, **resumed) as more:
            await more.until("photo:complete")
        unknown = {"socketId": new_socket_id(0), "lastEventId": "1-1"}
        async with websocket(url, **unknown) as anew:
            await anew.until("resync")


def _check_told(service: ServiceProcess) -> None:
    with urllib.request.urlopen(f"{service.url}/metrics") as response:  # noqa: S310  # http
        told = response.read()
    promtool("check", "metrics", given=told)
    names = {
        line.split()[2] for line in told.decode().splitlines() if line.startswith("# TYPE tagline_")
    }
    modules = (MODULES["All three"], MODULES[service.name.capitalize()])
    assert names == {name_of(metric) for module in modules for metric in metrics_of(module)}


async def _all_answered(prometheus: Prometheus) -> None:
    left = _queries()
    assert len(left) > 40

    async def answered() -> bool:
        for name, expr in list(left.items()):
            if await prometheus.values(expr):
                del left[name]
        return not left

    try:
        await wait_until(answered, timeout_s=60)
    except AssertionError:
        raise AssertionError(f"no data for {left}") from None


def _queries() -> dict[str, str]:
    """Every query of the dashboard as Grafana sends it, by its panel's title and its letter."""
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        .replace("$__rate_interval", "5m")
        .replace("$__range", "5m")
        for panel in panels
        for target in panel.get("targets", [])
    }


async def _a_tagger_stops(stack: Stack, prometheus: Prometheus) -> None:
    assert stack.tagger.terminate() == 0
    await uploaded(stack.gateway, [photo(number) for number in range(3000, 3012)])

    async def both_fire() -> bool:
        return {"TaglineNothingTagged", "TaglineInstanceDown"} <= await prometheus.firing()

    await wait_until(both_fire, timeout_s=90, what="alerts say that nothing is tagged")
    assert await prometheus.values('ALERTS{alertname="TaglineProviderDown"}') == []


async def _a_provider_fails(stack: Stack, openai: OpenAIServer, prometheus: Prometheus) -> None:
    openai.rule = lambda: api_error(503)
    stack.tagger.start()

    async def only_that() -> bool:
        firing = await prometheus.firing()
        return "TaglineProviderDown" in firing and "TaglineNothingTagged" not in firing

    await wait_until(only_that, timeout_s=90, what="an alert says that the provider is down")
