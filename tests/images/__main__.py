"""`make try-images`: run the images that `make images` has built, with hardly any rights.

All three at once, read-only, without capabilities and as nobody in particular, on a server that is
started for them: a photo is uploaded, and tagged by the local model, while its socket is followed.
Then each is stopped.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import ExitStack

from tests.images.container import Container, running
from tests.images.engine import Engine, EngineError
from tests.support.api import CAT
from tests.support.processes import PORT_VARIABLES, ROOT, clean_environment, free_port
from tests.support.redis_server import temporary_server

SERVICES = tuple(PORT_VARIABLES)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="tests.images", description=__doc__, allow_abbrev=False)
    parser.add_argument("--images", default="localhost/tagline-{}:0.1.0", help="{} is the service")
    parser.add_argument("--engine", help="podman or docker")
    options = parser.parse_args(arguments)
    try:
        _try(Engine(options.engine), options.images)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _try(engine: Engine, images: str) -> None:
    volume = f"tagline-try-{uuid.uuid4().hex[:8]}"
    with ExitStack() as stack:
        server = stack.enter_context(temporary_server(tcp=True))
        stack.callback(engine.tried, "volume", "rm", volume)
        containers: dict[str, Container] = {}
        for name in SERVICES:
            image, port = images.format(name), free_port()
            size_mb = engine.inspect("image", image)["Size"] / 1e6
            environment = {PORT_VARIABLES[name]: str(port), "REDIS_URL": server.url}
            if "notifier" in containers and name == "gateway":
                environment["TAGLINE_PUBLIC_NOTIFIER_URL"] = containers["notifier"].url
            started = running(engine, name, image, port, volume, environment)
            containers[name] = stack.enter_context(started)
            print(f"{name}: {size_mb:.0f} MB, ready after {containers[name].ready():.1f} s")
            containers[name].check()
        tags = _tags(containers["gateway"].url, containers["notifier"].url)
        print(f"a photo of a cat: {', '.join(tags)}")
        for container in containers.values():
            took_s, code = container.stop()
            print(f"{container.name}: stopped in {took_s:.1f} s, exit {code}")
            if code:
                raise EngineError(f"{container.name} ended with {code}\n{container.output()}")


def _tags(gateway: str, notifier: str) -> list[str]:
    """Upload a photo, follow it to its end, and return its tags. Raises `EngineError`."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "upload", str(CAT), "--url", gateway,
         "--notifier", notifier, "--json"],
        cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise EngineError(f"the upload failed: {done.stderr}{done.stdout}")
    last = json.loads(done.stdout.splitlines()[-1])
    tags = [str(tag["name"]) for tag in last.get("tags", [])]
    if not tags:
        raise EngineError(f"a photo without tags: {last}")
    return tags


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
