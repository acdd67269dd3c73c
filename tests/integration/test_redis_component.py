"""How the server of deploy/kubernetes is started: by a script, with secrets from files."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.local.tied import tied
from tests.support.processes import ROOT, free_port, wait_until
from tests.support.redis_server import server_binary

SCRIPT = ROOT / "deploy" / "kubernetes" / "components" / "redis" / "start.sh"
QUEUE = "{tagline:0}:queue:tagging:normal"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a server whose users but the notifier have a secret."""
    for name in ("bin", "data", "secrets"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "valkey-server").symlink_to(server_binary().path)
    for user in ("gateway", "tagger", "scaler", "admin"):
        (tmp_path / "secrets" / user).write_text(f"{user}-secret")
    number = free_port()
    options = ("--dir", tmp_path / "data", "--port", str(number), "--maxmemory", "64mb")
    command = ["sh", SCRIPT, tmp_path / "secrets", tmp_path / "users.acl", *options]
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    with subprocess.Popen(
        tied([str(each) for each in command]),
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until(lambda: answers(number), "the server answers")
            yield number
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()


def answers(port: int) -> bool:
    try:
        with client(port, "admin") as admin:
            return bool(admin.ping())
    except redis.exceptions.ConnectionError:
        return False


def client(port: int, user: str) -> redis.Redis:
    return redis.Redis.from_url(f"redis://{user}:{user}-secret@127.0.0.1:{port}/0")


def test_users_have_the_secrets_of_their_files_and_others_do_not_come_in(port: int) -> None:
    for user in ("gateway", "tagger", "scaler", "admin"):
        with client(port, user) as known:
            assert known.ping()
    for user in ("notifier", "default", ""):
        with client(port, user) as stranger, pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()


def test_the_server_keeps_what_it_is_given(port: int) -> None:
    with client(port, "admin") as admin:
        said = admin.config_get("append*") | admin.config_get("maxmemory*")

    assert said["appendonly"] == "yes"
    assert said["appendfsync"] == "always"
    assert said["maxmemory-policy"] == "noeviction"
    assert said["maxmemory"] == str(64 * 2**20)


def test_who_scales_taggers_may_ask_how_long_the_queue_is_and_nothing_else(port: int) -> None:
    with client(port, "scaler") as scaler:
        assert scaler.xlen(QUEUE) == 0
        for command in (f"XADD {QUEUE} * m x", f"XRANGE {QUEUE} - +", "XLEN {tagline:0}:progress:1",
                        "HGETALL {tagline:0}:photo:1", "INFO", "CONFIG GET *"):  # fmt: skip
            with pytest.raises(redis.exceptions.NoPermissionError):
                scaler.execute_command(*command.split())
