"""`make try-manifests`: apply the production overlay to a cluster, and see what it bears.

Each trial has clients upload and follow while something is done to the cluster, and holds what
they saw against what is promised: each upload accepted, each photo ended once, no event missed.
The overlay is applied with images, secrets and addresses of one's own, and behind a small proxy in
place of an ingress controller. It takes the namespace `tagline`, which it removes at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.chaos.check import Finding
from tests.cluster.kubectl import Kubectl, KubectlError
from tests.cluster.overlay import Outside, rendered
from tests.cluster.traffic import Traffic
from tests.cluster.trials import SETTLES_S, TRIALS, Cluster, Trial

NAMESPACE = "tagline"
PICTURES_A_TRIAL = 20_000


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    kubectl = Kubectl(options.kubectl, NAMESPACE)
    outside = Outside(**{name: getattr(options, name) for name in Outside.__dataclass_fields__})
    manifests, secret = rendered(outside, options.kustomize)
    if options.through:
        filtering = shlex.split(options.through)
        manifests = subprocess.check_output(filtering, input=manifests, text=True)
    cluster = Cluster(kubectl, outside.node, options.cut, options.heal)
    return asyncio.run(_try(cluster, manifests, secret, options))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests.cluster", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"of {', '.join(TRIALS)}")
    add = parser.add_argument
    add("--url", required=True, help="where port 30080 of a node is reached")
    add("--node", required=True, help="the node for Redis and the proxy, which stays")
    add("--images", required=True, help="of the services, e.g. registry/tagline-{}:0.1.0")
    add("--redis-image", default="docker.io/valkey/valkey:8.1.4")
    add("--front-image", default="docker.io/nginxinc/nginx-unprivileged:1.27")
    add("--blobs", required=True, help="the bucket, as TAGLINE_BLOB_URL takes it")
    add("--blobs-key", required=True)
    add("--blobs-secret", required=True)
    add("--provider", required=True, help="base URL of an OpenAI-compatible API")
    add("--provider-key", required=True)
    add("--network", required=True, help="where bucket and provider are, e.g. 10.0.0.0/8")
    add("--kubectl", default="kubectl", help="a command that reaches the cluster")
    add("--kustomize", default="kubectl kustomize", help="a command that renders a folder")
    add("--through", default="", help="a filter for the manifests, for an old cluster")
    add("--cut", default="", help="a command that cuts {node} off; without it, no trial cut")
    add("--heal", default="")
    add("--a-second", type=float, default=20.0, help="uploads")
    add("--keep", action="store_true", help="leave the namespace")
    options = parser.parse_args(arguments)
    if unknown := set(options.trials) - set(TRIALS):
        parser.error(f"no such trial: {', '.join(sorted(unknown))}")
    return options


async def _try(cluster: Cluster, manifests: str, secret: str, options: argparse.Namespace) -> int:
    kubectl, broken = cluster.kubectl, 0
    try:
        began_s = time.monotonic()
        await kubectl.call("apply", "-f", "-", stdin=manifests)
        await cluster.all_ready()
        await kubectl.rolled_out("deployment/tagline-front")
        _say(f"all is ready after {time.monotonic() - began_s:.0f} s")
        names = options.trials or [name for name in TRIALS if name != "cut" or options.cut]
        for number, name in enumerate(names):
            traffic = Traffic(options.url, secret, number=number * PICTURES_A_TRIAL)
            findings = await _run(cluster, TRIALS[name], traffic, options.a_second)
            broken += sum(bool(each.broken) for each in findings)
    except (KubectlError, TimeoutError) as error:
        _say(f"BROKEN  {error}")
        broken += 1
    finally:
        if not options.keep:
            await kubectl.call("delete", "namespace", NAMESPACE, "--wait=false")
    return int(broken > 0)


async def _run(cluster: Cluster, trial: Trial, traffic: Traffic, a_second: float) -> list[Finding]:
    ended = asyncio.Event()
    flowing = asyncio.create_task(traffic.flow(a_second, ended))
    try:
        await asyncio.sleep(SETTLES_S)
        began_s = time.monotonic()
        await trial.act(cluster)
        took_s = time.monotonic() - began_s
        await asyncio.sleep(SETTLES_S)
    finally:
        ended.set()
        await flowing
    findings, told = traffic.findings(), traffic.told()
    if not trial.may_fail:
        failed = told["refused 503"] + told["not answered, or otherwise"]
        findings.append(
            Finding(
                "no upload fails",
                f"{failed:g}",
                [f"{failed:g} had to be sent again"] * bool(failed),
            )
        )
    _say(f"\n{trial.what}: {took_s:.0f} s")
    _say("  " + ", ".join(f"{what} {value:.4g}" for what, value in told.items()))
    for finding in findings:
        _say(str(finding))
    return findings


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
