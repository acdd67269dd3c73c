"""The whole system for a case: the three services, their server, and an API that costs nothing."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.asked import Asked
from tests.bench.costs import cpu_s, family_cpu_s, family_mb, family_peak_mb
from tests.bench.figures import Figure
from tests.e2e.stack import Stack, running_stack
from tests.support.memory import peak_mb
from tests.support.processes import descendants
from tests.support.redis_server import temporary_server


@dataclass(frozen=True)
class System:
    """What is measured: where it is, and what its processes cost."""

    stack: Stack
    redis_url: str
    server_pid: int
    api_url: str

    @property
    def url(self) -> str:
        return self.stack.gateway.url

    @property
    def socket_url(self) -> str:
        return self.stack.notifier.url

    def cpu_s(self) -> dict[str, float]:
        """Return the CPU time that each part has had."""
        tagger = self.stack.tagger.pid
        return {
            "gateway": family_cpu_s(self.stack.gateway.pid),
            "tagger": cpu_s(tagger),
            "tagger's decoders": sum(map(cpu_s, descendants(tagger))),
            "notifier": family_cpu_s(self.stack.notifier.pid),
            "server": cpu_s(self.server_pid),
        }

    def tagger_peak_mb(self) -> tuple[float, float]:
        """Return the most that the tagger has taken alone, and with its decoders."""
        pid = self.stack.tagger.pid
        return peak_mb(pid), family_peak_mb(pid)

    def most_calls(self) -> int:
        """Return how many calls of the API were in flight at a time, at most."""
        with urllib.request.urlopen(self.api_url, timeout=10) as answer:  # noqa: S310 - http
            return int(json.load(answer)["most_in_flight"])

    def gateway_mb(self) -> float:
        return family_mb(self.stack.gateway.pid)

    def gateway_peak_mb(self) -> float:
        return family_peak_mb(self.stack.gateway.pid)


@contextmanager
def running_system(
    settings: Mapping[str, str] | None = None, *, delay_s: float = 0.0, cache: Path | None = None
) -> Iterator[System]:
    """The system on an empty server; the API answers after `delay_s`."""
    with ExitStack() as exits:
        scratch = Path(exits.enter_context(tempfile.TemporaryDirectory()))
        server = exits.enter_context(temporary_server())
        openai = exits.enter_context(Asked("tests.bench.bare_server", f"--delay-s={delay_s}"))
        api_url = openai.said()["url"]
        environment = {
            "TAGLINE_PROVIDER": "openai",
            "OPENAI_API_KEY": "sk-bench",
            "OPENAI_BASE_URL": f"{api_url}/v1",
            "TAGLINE_LOG": "json",  # these two as where nobody sets them, and no terminal is
            "TAGLINE_NICE": "",
            **(settings or {}),
        }
        stack = exits.enter_context(
            running_stack(server.url, scratch, cache or scratch, environment)
        )
        assert server.pid
        yield System(stack, server.url, server.pid, api_url)


def costs(before: Mapping[str, float], after: Mapping[str, float], count: int) -> dict[str, float]:
    """Return the CPU time of each part in ms, for one of `count`."""
    return {part: 1000 * (s - before[part]) / count for part, s in after.items()}


def cost_figures(each: Mapping[str, float], *, limit_ms: float | None = None) -> list[Figure]:
    """Say what `costs` has returned."""
    return [
        Figure("CPU of one", "ms", sum(each.values()), limit=limit_ms),
        *(Figure(f"  of it {part}", "ms", ms) for part, ms in each.items()),
    ]
