"""A cluster of two nodes: real processes, gone at the end."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import redis
from redis.crc import key_slot

from deploy.local.server import free_port
from tests.support.processes import wait_until
from tests.support.redis_server import temporary_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.local.server import EmbeddedServer

SLOTS = 16384


@dataclass(frozen=True)
class Cluster:
    """`url` names the first of its nodes alone."""

    url: str
    nodes: tuple[EmbeddedServer, EmbeddedServer]

    def owner_of(self, key: str) -> int:
        """Which of the nodes serves a key."""
        slot = key_slot(key.encode())
        with redis.Redis.from_url(self.nodes[0].url) as client:
            for first, last, (_, port, *_), *_ in client.execute_command("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return [_port(node) for node in self.nodes].index(port)
        raise AssertionError(f"nobody serves {key}")

    def move(self, key: str) -> int:
        """Give the slot of a key, and all keys in it, to the other node; returns which that is."""
        slot = key_slot(key.encode())
        source = self.owner_of(key)
        target = 1 - source
        with ExitStack() as stack:
            clients = [
                stack.enter_context(redis.Redis.from_url(node.url, decode_responses=True))
                for node in self.nodes
            ]
            ids = [_ask(client, "MYID") for client in clients]
            _ask(clients[target], "SETSLOT", slot, "IMPORTING", ids[source])
            _ask(clients[source], "SETSLOT", slot, "MIGRATING", ids[target])
            while names := _ask(clients[source], "GETKEYSINSLOT", slot, 100):
                clients[source].migrate("127.0.0.1", _port(self.nodes[target]), names, 0, 5000)
            for client in (clients[target], clients[source]):
                _ask(client, "SETSLOT", slot, "NODE", ids[target])
        wait_until(lambda: self.owner_of(key) == target, "the slot has moved")
        return target


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Two primaries with half of the slots each."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tagline-"))
        nodes = tuple(
            stack.enter_context(temporary_server(tcp=True, settings=_settings(folder, number)))
            for number in range(2)
        )
        clients = [stack.enter_context(redis.Redis.from_url(node.url)) for node in nodes]
        _ask(clients[0], "ADDSLOTSRANGE", 0, SLOTS // 2 - 1)
        _ask(clients[1], "ADDSLOTSRANGE", SLOTS // 2, SLOTS - 1)
        bus = clients[1].config_get("cluster-port")["cluster-port"]
        _ask(clients[0], "MEET", "127.0.0.1", _port(nodes[1]), bus)
        for client in clients:
            wait_until(lambda: _is_whole(client), "each knows all slots", timeout_s=30)  # noqa: B023
        yield Cluster(f"redis+cluster://127.0.0.1:{_port(nodes[0])}", (nodes[0], nodes[1]))


def _settings(folder: str, number: int) -> tuple[str, ...]:
    return (
        "cluster-enabled yes",
        f"cluster-config-file {folder}/nodes-{number}.conf",
        f"cluster-port {free_port()}",
        "cluster-announce-ip 127.0.0.1",
    )


def _is_whole(client: redis.Redis) -> bool:
    info = client.execute_command("CLUSTER", "INFO")
    return b"cluster_state:ok" in info and b"cluster_slots_assigned:16384" in info


def _ask(client: redis.Redis, *words: Any) -> Any:
    return client.execute_command("CLUSTER", *words)


def _port(server: EmbeddedServer) -> int:
    return urlsplit(server.url).port or 0
