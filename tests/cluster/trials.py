"""What is done to the cluster while clients upload and follow."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.cluster.kubectl import Kubectl, is_ready, until
from tests.cluster.overlay import SERVICES

AWAY_S: Final = 40.0
"""How long a node is cut off: past the lease, and until the cluster has given it up."""

SETTLES_S: Final = 5.0

EATS: Final = """
import os, time
for pid in filter(str.isdecimal, os.listdir('/proc')):
    with open(f'/proc/{pid}/cmdline') as f:
        if 'deploy.image.start' in f.read().split('\\0'):
            with open(f'/proc/{pid}/oom_score_adj', 'w') as score:
                score.write('1000')
for _ in range(64):
    if not os.fork():
        eaten = os.urandom(2**26)
        time.sleep(60)
        os._exit(0)
time.sleep(60)
"""
"""Takes all the memory that the container may have, by many: of whom the tagger is the largest, and
so the first to be killed."""

STOPS: Final = """
import os, signal
for pid in filter(str.isdecimal, os.listdir('/proc')):
    with open(f'/proc/{pid}/cmdline') as f:
        if 'deploy.image.start' in f.read().split('\\0'):
            os.kill(int(pid), signal.SIGSTOP)
"""


@dataclass(frozen=True)
class Cluster:
    """The cluster, the node that stays, and how another is cut off, as commands for a shell."""

    kubectl: Kubectl
    node: str
    cut: str
    heal: str

    async def other(self) -> str:
        """Return the name of a node that may go."""
        nodes = await self.kubectl.get("nodes")
        names = [str(node["metadata"]["name"]) for node in nodes["items"]]
        return next(name for name in names if name != self.node)

    async def ready(self, node: str) -> bool:
        return is_ready(await self.kubectl.get("node", node))

    async def settled(self, what: str) -> bool:
        """Say whether nothing is left of the pods that were there before."""
        name = what.partition("/")[2]
        found = await self.kubectl.get("pods", "-l", f"app.kubernetes.io/name={name}")
        return not any("deletionTimestamp" in pod["metadata"] for pod in found["items"])

    async def all_ready(self) -> None:
        """Wait until every service is as it should be."""
        for name in ("gateway", "tagger", "notifier"):
            await self.kubectl.rolled_out(f"deployment/tagline-{name}")
        await self.kubectl.rolled_out("statefulset/tagline-redis")


Act = Callable[[Cluster], Awaitable[None]]


@dataclass(frozen=True)
class Trial:
    """`may_fail`: whether an upload may have to be sent again, because a pod or Redis died."""

    what: str
    act: Act
    may_fail: bool = False


def _rolled(what: str) -> Act:
    async def act(cluster: Cluster) -> None:
        await cluster.kubectl.call("rollout", "restart", what)
        await cluster.kubectl.rolled_out(what)
        await until(lambda: cluster.settled(what), f"the old pods of {what} are gone")

    return act


async def _nothing(_: Cluster) -> None:
    await asyncio.sleep(10.0)


async def _out_of_memory(cluster: Cluster) -> None:
    await _restarted(cluster, "tagger", EATS)


async def _hung(cluster: Cluster) -> None:
    await _restarted(cluster, "gateway", STOPS)


async def _restarted(cluster: Cluster, service: str, program: str) -> None:
    pods = await cluster.kubectl.pods(service)
    pod = next(pod for pod in pods if is_ready(pod))
    before = _restarts(pod)
    name = pod["metadata"]["name"]
    await cluster.kubectl.run_in(pod, program)

    async def anew() -> bool:
        now = await cluster.kubectl.get("pod", name)
        return _restarts(now) > before and is_ready(now)

    await until(anew, f"{name} is started anew")


def _restarts(pod: dict[str, Any]) -> int:
    return sum(each["restartCount"] for each in pod["status"].get("containerStatuses", []))


async def _spread(cluster: Cluster) -> None:
    """Have each service on every node again: nobody moves back to a node by himself."""
    for service in SERVICES:
        await _rolled(f"deployment/tagline-{service}")(cluster)


async def _drained(cluster: Cluster) -> None:
    node = await cluster.other()
    await cluster.kubectl.call(
        "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"
    )
    try:
        await cluster.all_ready()
    finally:
        await cluster.kubectl.call("uncordon", node)
    await _spread(cluster)


async def _cut(cluster: Cluster) -> None:
    node = await cluster.other()
    await _shell(cluster.cut, node)
    try:
        await asyncio.sleep(AWAY_S)
    finally:
        await _shell(cluster.heal, node)
    await until(lambda: cluster.ready(node), f"{node} is back")
    await cluster.all_ready()


async def _shell(command: str, node: str) -> None:
    process = await asyncio.create_subprocess_exec(*shlex.split(command.format(node=node)))
    if await process.wait():
        raise RuntimeError(f"{command} ended with {process.returncode}")


TRIALS: Final = {
    "nothing": Trial("nothing at all", _nothing),
    "gateway": Trial("a rolling update of the gateways", _rolled("deployment/tagline-gateway")),
    "tagger": Trial("a rolling update of the taggers", _rolled("deployment/tagline-tagger")),
    "notifier": Trial("a rolling update of the notifiers", _rolled("deployment/tagline-notifier")),
    "redis": Trial("a restart of Redis", _rolled("statefulset/tagline-redis"), may_fail=True),
    "memory": Trial("a tagger killed for its memory", _out_of_memory),
    "hung": Trial("a gateway that hangs", _hung, may_fail=True),
    "drained": Trial("a drained node", _drained),
    "cut": Trial("a node without its network", _cut, may_fail=True),
}
