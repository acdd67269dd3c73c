"""A primary, a replica and a Sentinel that watches them: real processes, gone at the end."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import redis

from deploy.local.server import free_port
from deploy.local.tied import tied
from tests.support.processes import wait_until
from tests.support.redis_server import server_binary, temporary_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import EmbeddedServer

SERVICE = "photos"


@dataclass(frozen=True)
class Watched:
    """`url` names the Sentinel; the two servers are those it watches."""

    url: str
    primary: EmbeddedServer
    replica: EmbeddedServer


@contextmanager
def watched_servers() -> Iterator[Watched]:
    """A primary and a replica that is up to date, whose failover takes about two seconds."""
    with (
        # A Sentinel has the servers write down whom they follow.
        temporary_server(tcp=True, settings=()) as primary,
        temporary_server(tcp=True, settings=()) as replica,
        tempfile.TemporaryDirectory(prefix="tagline-") as folder,
    ):
        with redis.Redis.from_url(primary.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        with redis.Redis.from_url(replica.url) as client:
            client.replicaof("127.0.0.1", str(_port(primary)))
            wait_until(
                lambda: client.info("replication")["master_link_status"] == "up",
                "the replica is up to date",
            )
        with _sentinel(Path(folder), _port(primary)) as port:
            yield Watched(f"redis+sentinel://127.0.0.1:{port}/{SERVICE}", primary, replica)


@contextmanager
def _sentinel(folder: Path, primary_port: int) -> Iterator[int]:
    port = free_port()
    config = folder / "sentinel.conf"  # it rewrites it
    config.write_text(
        f"port {port}\n"
        "bind 127.0.0.1\n"
        f"dir {folder}\n"
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary_port} 1\n"
        f"sentinel down-after-milliseconds {SERVICE} 300\n"
        f"sentinel failover-timeout {SERVICE} 5000\n"
    )
    process = subprocess.Popen(
        tied([str(server_binary().path), str(config), "--sentinel"]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    try:
        with redis.Redis(port=port) as client:
            wait_until(lambda: _knows_the_replica(client), "the Sentinel knows the replica")
        yield port
    finally:
        process.kill()
        process.wait()


def _knows_the_replica(sentinel: redis.Redis) -> bool:
    try:
        return len(sentinel.sentinel_slaves(SERVICE)) == 1
    except redis.ConnectionError:
        return False


def _port(server: EmbeddedServer) -> int:
    return urlsplit(server.url).port or 0
