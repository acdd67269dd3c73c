"""`make run` as a whole, with the real services, and its lock on a clone's state."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Self

import pytest
import redis

from deploy.local import lock
from tests.support.processes import (
    PORT_VARIABLES,
    clean_environment,
    descendants,
    free_port,
    is_running,
    wait_until,
)
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


class LocalRun:
    """`python -m deploy.local.run` on free ports, with its state below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in PORT_VARIABLES}
        self.environment = clean_environment() | {
            PORT_VARIABLES[name]: str(port) for name, port in self.ports.items()
        }
        self._output = folder / "output"

    def start(self) -> Self:
        with self._output.open("wb") as output:
            return self.start_into(output.fileno())

    def start_into(self, output: int) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.run"],
            cwd=self.folder,
            env=self.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def wait_ready(self) -> Self:
        wait_until(
            lambda: "is ready" in self.output or self.process.poll() is not None,
            "the ready line",
            timeout_s=60,
        )
        assert self.process.poll() is None, self.output
        return self

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def ready_lines(self) -> list[str]:
        return re.findall(r"^Tagline is ready.*$", self.output, re.MULTILINE)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)


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


def test_a_reader_that_has_stopped_holds_up_neither_start_nor_end(tmp_path: Path) -> None:
    local = LocalRun(tmp_path)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, b"#"):
            pass
    os.set_blocking(writing, True)
    local.start_into(writing)
    try:
        for port in local.ports.values():
            url = f"http://127.0.0.1:{port}/readyz"
            wait_until(partial(answers, url), url, timeout_s=60)

        assert local.end(signal.SIGTERM) == 0
    finally:
        local.process.kill()
        local.process.wait()
        os.close(reading)
        os.close(writing)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order(local_run: LocalRun, number: signal.Signals) -> None:
    started = descendants(local_run.process.pid)
    assert len(started) >= 4
    assert local_run.end(number) == 0
    assert local_run.output.endswith("\nTagline has stopped; nothing is left running.\n")
    assert "Tagline stops:" not in local_run.output
    assert not [pid for pid in started if is_running(pid)]


def test_the_end_of_a_terminal_whose_leader_waits_is_the_end(tmp_path: Path) -> None:
    # Given a program that leads the session and, as make does, waits for what it has begun
    local = LocalRun(tmp_path)
    waiting = "import signal, subprocess, sys; signal.signal(signal.SIGHUP, lambda *_: None); "
    waiting += "sys.exit(subprocess.call(sys.argv[1:]))"
    leader, terminal = pty.fork()
    if leader == 0:
        os.chdir(tmp_path)
        run = [sys.executable, "-m", "deploy.local.run"]
        program = [sys.executable, "-c", waiting, *run]
        os.execve(program[0], program, local.environment)  # noqa: S606
    said = b""
    while b"Tagline is ready" not in said:
        said += os.read(terminal, 65536)
    started = descendants(leader)
    try:
        assert len(started) >= 5

        os.close(terminal)

        wait_until(lambda: not is_running(leader), "the end of its leader", timeout_s=30)
        assert not any(map(is_running, started))
    finally:
        for pid in (*started, leader):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]) == 0


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
    ],
    ids=["no number", "twice the same"],
)
def test_a_bad_setting_is_one_clear_line(
    tmp_path: Path, setting: dict[str, str], line: str
) -> None:
    local = LocalRun(tmp_path)
    local.environment.update(setting)
    assert local.start().process.wait(20) == 2
    assert local.output == line
