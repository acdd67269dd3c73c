"""`make run` as a whole, with the real services, and its lock on a clone's state."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest
import redis

from deploy.local import lock
from deploy.local.run import read_settings, service_environment
from tests.support.local_run import LocalRun
from tests.support.processes import descendants, is_running, wait_until
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with lock.hold(tmp_path):
        message = lock.main(str(tmp_path))
    assert message is not None
    assert f"process {os.getpid()}" in message
    assert lock.main(str(tmp_path)) is None


def test_a_folder_that_cannot_be_had_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    local = LocalRun(tmp_path)

    assert local.start().process.wait(20) == 1
    assert local.output == "Cannot keep anything in var/: File exists.\n"


@pytest.fixture
def local_run(tmp_path: Path) -> Iterator[LocalRun]:
    """Started and ready; killed at the end, whatever the test did with it."""
    local = LocalRun(tmp_path)
    try:
        yield local.start().wait_ready()
    finally:
        local.process.kill()
        local.process.wait()


def test_one_line_says_where_page_notifier_and_redis_are(
    local_run: LocalRun, tmp_path: Path
) -> None:
    assert local_run.ready_lines == [
        (
            f"Tagline is ready: page http://127.0.0.1:{local_run.ports['gateway']} · "
            f"notifier http://127.0.0.1:{local_run.ports['notifier']} · "
            f"redis unix://{tmp_path}/var/redis/redis.sock?db=0"
        )
    ]
    for port in local_run.ports.values():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            assert answer.status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(local_run: LocalRun, number: signal.Signals) -> None:
    started = descendants(local_run.process.pid)
    assert len(started) >= 4
    assert local_run.end(number) == 0
    assert local_run.output.endswith("\nTagline has stopped; nothing is left running.\n")
    assert "Tagline stops:" not in local_run.output
    assert not [pid for pid in started if is_running(pid)]


def test_nothing_survives_the_supervisors_sigkill(local_run: LocalRun) -> None:
    started = descendants(local_run.process.pid)
    assert len(started) >= 4
    local_run.end(signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, started)), f"all of {started} have ended")


def test_a_service_that_ends_early_ends_the_run(local_run: LocalRun) -> None:
    started = descendants(local_run.process.pid)
    tagger = next(pid for pid, command in started.items() if "services.tagger" in command)
    os.kill(tagger, signal.SIGKILL)
    assert local_run.process.wait(90) == 1
    assert "\nTagline stops: tagger ended early, by SIGKILL\n" in local_run.output
    wait_until(lambda: not any(map(is_running, started)), f"all of {started} have ended")


def test_a_second_run_in_the_same_clone_is_refused(local_run: LocalRun) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "deploy.local.run"],
        cwd=local_run.folder,
        env=local_run.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == (
        f"Tagline already runs from this clone (process {local_run.process.pid}, "
        "state in var/): stop that one first.\n"
    )
    assert local_run.process.poll() is None


def test_state_survives_a_restart(local_run: LocalRun) -> None:
    url = local_run.ready_lines[0].rpartition("redis ")[2]
    with redis.Redis.from_url(url, decode_responses=True) as client:
        client.set("photo", "kept")
    assert local_run.end(signal.SIGTERM) == 0
    local_run.start().wait_ready()
    with redis.Redis.from_url(url, decode_responses=True) as client:
        assert client.get("photo") == "kept"


def test_a_redis_of_ones_own_is_used_and_its_password_not_shown(
    tmp_path: Path,
) -> None:
    with temporary_server(tcp=True) as own:
        with redis.Redis.from_url(own.url) as client:
            client.config_set("requirepass", "hush")
        local = LocalRun(tmp_path)
        local.environment["REDIS_URL"] = own.url.replace("//", "//:hush@")
        try:
            local.start().wait_ready()
            assert local.ready_lines[0].endswith(f"redis {own.url.replace('//', '//***@')}")
            assert not (tmp_path / "var" / "redis").exists()
            assert local.end(signal.SIGTERM) == 0
        finally:
            local.process.kill()
            local.process.wait()


def test_the_page_is_told_where_the_notifier_is_unless_it_has_been() -> None:
    def told(url: str) -> str:
        environment = {"TAGLINE_NOTIFIER_PORT": "9", "TAGLINE_PUBLIC_NOTIFIER_URL": url}
        given = service_environment(environment, read_settings(environment), "redis://photos")
        return given["TAGLINE_PUBLIC_NOTIFIER_URL"]

    assert told("") == "http://127.0.0.1:9"
    assert told("https://events.example") == "https://events.example"


def test_a_port_in_use_is_one_clear_line_and_nothing_is_started(tmp_path: Path) -> None:
    local = LocalRun(tmp_path)
    port = local.ports["notifier"]
    with socket.create_server(("127.0.0.1", port)):
        assert local.start().process.wait(20) == 1
    assert local.output == (
        f"Cannot listen on 127.0.0.1, port {port}: Address already in use "
        "(TAGLINE_NOTIFIER_PORT changes it).\n"
    )
    assert not (tmp_path / "var" / "redis").exists()


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        (
            {"TAGLINE_TAGGER_PORT": "high"},
            "TAGLINE_TAGGER_PORT is 'high': it has to be a port, 1 to 65535.\n",
        ),
        (
            {"TAGLINE_GATEWAY_PORT": "9191", "TAGLINE_TAGGER_PORT": "9191"},
            "TAGLINE_GATEWAY_PORT and TAGLINE_TAGGER_PORT are both 9191.\n",
        ),
        (
            {"TAGLINE_BIND": os.fsdecode(b"\xff")},
            "TAGLINE_BIND is '\\udcff': encoding of hostname failed.\n",
        ),
    ],
    ids=["no number", "twice the same", "no address"],
)
def test_a_bad_setting_is_one_clear_line(
    tmp_path: Path, setting: dict[str, str], line: str
) -> None:
    local = LocalRun(tmp_path)
    local.environment.update(setting)
    assert local.start().process.wait(20) == 2
    assert local.output == line
