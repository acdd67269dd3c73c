"""A Prometheus with the product's configuration and rules, over services that a test runs.

What takes minutes there takes as many seconds here: windows and waits are divided by 60.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from deploy.local.server import free_port
from deploy.local.tied import tied
from tests.support.needs import missing
from tests.support.processes import ROOT

FOLDER: Final = ROOT / "deploy" / "prometheus"
_SHORTER: Final = {"m": "s", "h": "m"}


def program(name: str) -> str:
    """Return where a program is. CI has to have it; elsewhere the test is skipped."""
    found = shutil.which(name)
    if found is None:
        missing(f"no {name} here")
    return found


def promtool(*arguments: str | Path, given: bytes | None = None) -> None:
    """Run promtool beside the configuration; AssertionError with what it said of a fault."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)],
        cwd=FOLDER,
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    # Of what it only advises it exits with 3.
    assert done.returncode == 0, done.stdout.decode()


def quickened(rules: str) -> str:
    """Return rules in which a minute is a second, in windows and in waits."""
    return re.sub(
        r"(?<=\[)(\d+)([mh])(?=])|(?<=for: )(\d+)([mh])",
        lambda found: f"{found[1] or found[3]}{_SHORTER[found[2] or found[4]]}",
        rules,
    )


class Prometheus:
    """One that runs. Its answers are those of its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, path: str, **query: str) -> Any:
        """Return the data of an answer; AssertionError if it is an error."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/{path}", params=query) as response,
        ):
            answer = await response.json()
            assert answer["status"] == "success", (query, answer)
            return answer["data"]

    async def values(self, expr: str) -> list[float]:
        """Return the values that a query gives now, without those that are no number."""
        found = await self.ask("query", query=expr)
        values = [float(each["value"][1]) for each in found["result"]]
        return [value for value in values if not math.isnan(value)]

    async def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        found = (await self.ask("alerts"))["alerts"]
        return {each["labels"]["alertname"] for each in found if each["state"] == "firing"}

    async def is_ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.url}/-/ready") as response,
            ):
                return response.status == 200
        except aiohttp.ClientError:
            return False


@contextmanager
def running_prometheus(folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """Start Prometheus on `targets`, a URL by job, with its data in `folder`."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    for job in config["scrape_configs"]:
        url = targets[job["job_name"]]
        job["static_configs"] = [{"targets": [url.removeprefix("http://")]}]
    folder.mkdir()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "rules.yml").write_text(quickened((FOLDER / "rules.yml").read_text()))
    address = f"127.0.0.1:{free_port()}"
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            tied(command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield Prometheus(f"http://{address}")
        finally:
            process.terminate()
            process.wait(20)
