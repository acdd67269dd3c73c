"""`make run` where not all is as it should be: terminals, readers, services, folders."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import urllib.request
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.support.local_run import LocalRun
from tests.support.processes import descendants, is_running, wait_until


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
    said, started = b"", dict[int, str]()
    try:
        while b"Tagline is ready" not in said:
            assert select.select([terminal], [], [], 60)[0], said.decode()
            said += os.read(terminal, 65536)
        started = descendants(leader)
        assert len(started) >= 5

        os.close(terminal)
        terminal = -1

        wait_until(lambda: not is_running(leader), "the end of its leader", timeout_s=30)
        assert not any(map(is_running, started))
        _, status = os.waitpid(leader, os.WNOHANG)
        leader = 0
        assert os.waitstatus_to_exitcode(status) == 0
    finally:
        if terminal >= 0:
            os.close(terminal)
        if leader:
            started = started or descendants(leader)
            for pid in (*started, leader):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(leader, 0)


def test_a_service_that_does_not_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    local = LocalRun(tmp_path)
    local.environment["TAGLINE_GRACE_S"] = "0"
    try:
        local.start().wait_ready()
        started = descendants(local.process.pid).items()
        hanging = next(pid for pid, command in started if "services.notifier" in command)
        os.kill(hanging, signal.SIGSTOP)

        assert local.end(signal.SIGTERM) == 0

        assert "notifier has not stopped within 17 s and is killed\n" in local.output
        assert not is_running(hanging)
    finally:
        local.process.kill()
        local.process.wait()


def test_what_another_server_has_left_is_told_of(tmp_path: Path) -> None:
    other = tmp_path / "var" / "redis" / "valkey-0.9"
    other.mkdir(parents=True)
    local = LocalRun(tmp_path)
    try:
        local.start().wait_ready()
        assert f"{other} is another server's: this one begins anew, in " in local.output
        assert local.end(signal.SIGTERM) == 0
        local.start().wait_ready()
        assert "begins anew" not in local.output
    finally:
        local.process.kill()
        local.process.wait()


def test_a_folder_that_no_address_can_name_is_as_good(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"l\xe4tin")
    folder.mkdir()
    local = LocalRun(folder)
    try:
        local.start().wait_ready()
        assert "redis redis://127.0.0.1:" in local.ready_lines[0]
    finally:
        local.process.kill()
        local.process.wait()
