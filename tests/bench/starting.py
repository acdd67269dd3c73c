"""How long each service takes from its start until it is ready.

The limit: a Python that imports what each of them cannot be without, and ends.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.bench.costs import family_cpu_s
from tests.bench.figures import Case, Figure, Sizes
from tests.support.processes import ServiceProcess, clean_environment
from tests.support.redis_server import temporary_server

MOST_S = 1.5
SERVICES = {
    "gateway": ("gateway", {}),
    "notifier": ("notifier", {}),
    "tagger, local": ("tagger", {"TAGLINE_PROVIDER": "local"}),
    "tagger, openai": (
        "tagger",
        {"TAGLINE_PROVIDER": "openai", "OPENAI_API_KEY": "sk-bench"},
    ),
}
IMPORTS = "import aiohttp.web, pydantic, redis.asyncio, uvloop"


def measure(sizes: Sizes) -> list[Figure]:
    took_s: dict[str, list[tuple[float, float]]] = {name: [] for name in ("limit", *SERVICES)}
    with ExitStack() as exits:
        scratch = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        environment = {
            "REDIS_URL": exits.enter_context(temporary_server()).url,
            "TAGLINE_BLOB_URL": (scratch / "blobs").as_uri(),
            "TAGLINE_CACHE_DIR": str(scratch),
        }
        for _ in range(sizes.rounds):  # the first converts the model, no median
            took_s["limit"].append(_imports_s())
            for name, (service, settings) in SERVICES.items():
                took_s[name].append(_ready_s(service, {**environment, **settings}))
    (limit_s, limit_cpu_s), *services = (
        [statistics.median(each) for each in zip(*values, strict=True)]
        for values in took_s.values()
    )
    figures = []
    for name, (ready_s, of_cpu_s) in zip(SERVICES, services, strict=True):
        figures += [
            Figure(
                f"{name}: start to ready", "s", ready_s, limit=limit_s,
                goal=f"at most {MOST_S:g}", met=ready_s <= MOST_S,
            ),
            Figure("  its CPU until then", "s", of_cpu_s, limit=limit_cpu_s),
        ]  # fmt: skip
    return figures


def _ready_s(service: str, environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds it took, and those of the CPU."""
    start = time.perf_counter()
    with ServiceProcess(service, environment) as process:
        process.wait_ready()
        return time.perf_counter() - start, family_cpu_s(process.pid)


def _imports_s() -> tuple[float, float]:
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", IMPORTS], env=clean_environment(), check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu_s


CASE = Case("start", "The start of each service", "", measure, limit="the bare imports")
