"""A tagger of two processes is one tagger to its operator."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from tests.support.api import Api
from tests.support.needs import missing
from tests.support.openai_server import OpenAIServer
from tests.support.openai_stack import photo, until_complete, uploaded
from tests.support.processes import ServiceProcess, descendants, is_running
from tests.support.waiting import wait_until


@pytest.fixture(autouse=True)
def linux() -> None:
    if sys.platform != "linux":
        missing("only Linux tells of processes in /proc")


class Crew(NamedTuple):
    """A tagger of several processes, what is around it, and photos."""

    openai: OpenAIServer
    gateway: ServiceProcess
    tagger: ServiceProcess
    ids: list[int]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where its temporary folder is; short, as it holds Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="crew-") as path:
        yield Path(path)


@pytest.fixture
def settings(redis_url: str, tmp_path: Path, folder: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_PROCESSES": "2",
        "TAGLINE_DECODERS": "1",
        "TAGLINE_LOG": "json",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "TMPDIR": str(folder),
    }


def ask(tagger: ServiceProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(tagger.url + path, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def readiness(tagger: ServiceProcess) -> tuple[int, dict[str, Any]]:
    status, text = ask(tagger, "/readyz")
    return status, orjson.loads(text)


def told(tagger: ServiceProcess, metric: str) -> list[float]:
    """The values of a metric, of each process that tells it."""
    text = ask(tagger, "/metrics")[1]
    return [float(value) for value in re.findall(rf"^{metric}{{.*}} (\S+)$", text, re.MULTILINE)]


def children(tagger: ServiceProcess) -> set[int]:
    """Its processes: each leads a group. A decoder that only begins is called as its parent is."""
    family = descendants(tagger.pid).items()
    called = [pid for pid, command in family if "services.tagger.child" in command]
    return {pid for pid in called if leads_its_group(pid)}


def leads_its_group(pid: int) -> bool:
    try:
        return os.getpgid(pid) == pid
    except ProcessLookupError:
        return False


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@asynccontextmanager
async def four_in_work(settings: dict[str, str]) -> AsyncIterator[Crew]:
    """A tagger of two processes, which hold two photos each, and wait for the provider."""
    async with OpenAIServer() as openai:
        settings |= {"OPENAI_BASE_URL": openai.url, "TAGLINE_THREADS": "2"}
        settings |= {"TAGLINE_CLAIM_AFTER_MS": "3000", "TAGLINE_GRACE_S": "60"}
        with (
            ServiceProcess("gateway", settings) as gateway,
            ServiceProcess("tagger", settings) as tagger,
        ):
            gateway.wait_ready(timeout_s=60)
            tagger.wait_ready(timeout_s=60)
            yield Crew(openai, gateway, tagger, await in_work(openai, gateway, first=0))


async def in_work(openai: OpenAIServer, gateway: ServiceProcess, *, first: int) -> list[int]:
    openai.answering.clear()
    ids = await uploaded(gateway, [photo(number) for number in range(first, first + 4)])
    await wait_until(lambda: openai.in_flight == 4, timeout_s=60)
    return ids


async def workers_of(crew: Crew) -> set[int]:
    """The processes that work on its photos."""
    api = Api(crew.gateway.url)
    found = [(await api.get(f"/api/photos/{each}/jobs")).json for each in crew.ids]
    jobs = [(await api.get(f"/api/jobs/{each['items'][0]['jobId']}")).json for each in found]
    return {int(job["attempts"][-1]["worker"].split(":")[1]) for job in jobs}


async def test_a_process_that_dies_costs_no_photo_and_the_others_go_on(
    settings: dict[str, str],
) -> None:
    async with four_in_work(settings) as crew:
        tagger, both = crew.tagger, children(crew.tagger)
        assert len(both) == 2
        assert await workers_of(crew) == both

        # If one is killed, I expect it to come back, and no photo to be missing
        killed, sibling = both
        os.kill(killed, signal.SIGKILL)
        await wait_until(lambda: "process_ended" in tagger.output, timeout_s=60)
        tagger.wait_ready(timeout_s=60)
        now = children(tagger)
        assert len(now) == 2
        assert sibling in now
        crew.openai.answering.set()
        await until_complete(crew.gateway, crew.ids, timeout_s=60)

        # I expect the metrics of both, and the death to be counted
        ends = "tagline_photo_seconds_count"
        await wait_until(lambda: sum(told(tagger, ends)) == 4, timeout_s=60)
        assert told(tagger, "tagline_processes_ended_total") == [1]
        assert len(told(tagger, "process_resident_memory_bytes")) == 3


async def test_one_that_stands_still_is_told_and_all_end_what_they_have_begun(
    settings: dict[str, str], folder: Path
) -> None:
    async with four_in_work(settings) as crew:
        tagger, both = crew.tagger, children(crew.tagger)
        crew.openai.answering.set()
        await until_complete(crew.gateway, crew.ids, timeout_s=60)

        # If one stands still, I expect the tagger not to be ready, and to be alive
        os.kill(min(both), signal.SIGSTOP)
        status, answer = readiness(tagger)
        assert (status, answer["status"]) == (503, "not ready")
        assert set(answer["checks"]) == {"process 1", "process 2"}
        assert ask(tagger, "/healthz") == (200, '{"status":"ok"}')
        os.kill(min(both), signal.SIGCONT)
        tagger.wait_ready(timeout_s=60)

        # If it is told to stop, I expect both to end what they have begun
        ids = await in_work(crew.openai, crew.gateway, first=10)
        tagger.signal(signal.SIGTERM)
        await wait_until(lambda: tagger.output.count("tagger_draining") == 2, timeout_s=60)
        assert readiness(tagger) == (503, {"status": "draining", "checks": {}})
        crew.openai.answering.set()
        await wait_until(lambda: tagger.returncode is not None, timeout_s=60)
        assert tagger.returncode == 0
        assert not any(map(is_running, both))
        assert left(folder) == []
        await until_complete(crew.gateway, ids, timeout_s=10)


async def test_one_that_hangs_is_started_anew(settings: dict[str, str]) -> None:
    with ServiceProcess("tagger", settings).start("tests.support.impatient_crew") as tagger:
        tagger.wait_ready(timeout_s=60)
        both = children(tagger)
        assert len(both) == 2
        hanging, sibling = both
        os.kill(hanging, signal.SIGSTOP)

        await wait_until(lambda: "process_ended" in tagger.output, timeout_s=60)
        tagger.wait_ready(timeout_s=60)

        assert not is_running(hanging)
        assert len(children(tagger)) == 2
        assert sibling in children(tagger)
        assert tagger.output.count("process_hangs") == 1
        assert tagger.terminate() == 0


async def test_none_outlives_a_killed_parent(settings: dict[str, str]) -> None:
    with ServiceProcess("tagger", {**settings, "TAGLINE_NICE": "1"}) as tagger:
        # Given one that works, with a decoder, and one that only begins
        await wait_until(lambda: len(children(tagger)) == 2, timeout_s=60)
        family = descendants(tagger.pid)
        assert len(family) >= 3
        # As nice as one tagger would be
        nice = {os.getpriority(os.PRIO_PROCESS, pid) for pid in (tagger.pid, *family)}
        assert nice == {min(os.getpriority(os.PRIO_PROCESS, 0) + 1, 19)}
        # One that does not look for itself
        os.kill(min(children(tagger)), signal.SIGSTOP)

        tagger.kill()

        await wait_until(lambda: not any(map(is_running, family)), timeout_s=60, what=str(family))


async def test_it_outlives_the_first_as_it_begins_and_ctrl_c_ends_it_quietly(
    settings: dict[str, str], folder: Path
) -> None:
    # Given no Redis, without which the first does not begin
    settings |= {"REDIS_URL": "redis://127.0.0.1:9", "TAGLINE_GRACE_S": "0"}
    with ServiceProcess("tagger", settings) as tagger:
        await wait_until(lambda: children(tagger), timeout_s=60)
        assert readiness(tagger) == (503, {"status": "starting", "checks": {}})
        os.kill(children(tagger).pop(), signal.SIGKILL)
        await wait_until(lambda: len(children(tagger)) == 2, timeout_s=60)
        assert "process_ended" in tagger.output
        os.killpg(tagger.pid, signal.SIGINT)
        await wait_until(lambda: tagger.returncode is not None, timeout_s=60)
        assert tagger.returncode == 0
        assert "Traceback" not in tagger.output
        assert descendants(tagger.pid) == {}
    assert left(folder) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TAGLINE_PROCESSES", "65"),
        # Found out by the first process
        ("TAGLINE_PIPELINE", "analyzing,nothing"),
    ],
)
async def test_a_bad_setting_is_one_line(
    settings: dict[str, str], folder: Path, name: str, value: str
) -> None:
    with ServiceProcess("tagger", {**settings, name: value}) as tagger:
        await wait_until(lambda: tagger.returncode is not None, timeout_s=60)
        assert tagger.returncode == 2
        assert tagger.output.count("\n") == 1
        assert name in tagger.output
    assert left(folder) == []


async def test_a_taken_port_is_one_line(settings: dict[str, str], folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings["TAGLINE_TAGGER_PORT"] = str(taken.getsockname()[1])
        with ServiceProcess("tagger", settings) as tagger:
            await wait_until(lambda: tagger.returncode is not None, timeout_s=60)
            assert tagger.returncode == 1
            assert tagger.output.count("\n") == 1
            assert f"cannot serve on 127.0.0.1:{settings['TAGLINE_TAGGER_PORT']}" in tagger.output
    assert left(folder) == []
