"""What a tagger of several processes tells: what each has counted, by the label `process`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Metric, ProcessCollector
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from services.tagger.process import Process

_OURS: Final = CollectorRegistry()
"""Of the process that watches the others."""

ProcessCollector(registry=_OURS)

PROCESSES_ENDED: Final = Counter(
    "tagline_processes_ended_total",
    "Processes that ended though nobody had told the tagger to stop: each was started anew.",
    registry=_OURS,
)


class CrewMetrics(Collector):
    """What all told when `look` was last awaited, and what we count ourselves."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._processes = processes
        self._told: list[str] = []

    async def look(self) -> None:
        """Ask all for their metrics."""
        self._told = await asyncio.gather(*(each.metrics() for each in self._processes))

    def collect(self) -> Iterator[Metric]:
        together: dict[str, Metric] = {}
        _add(together, _OURS.collect(), "parent")
        for process, text in zip(self._processes, self._told, strict=False):
            _add(together, text_string_to_metric_families(text), str(process.number))
        yield from together.values()


def _add(together: dict[str, Metric], told: Iterable[Metric], process: str) -> None:
    for metric in told:
        family = together.setdefault(
            metric.name, Metric(metric.name, metric.documentation, metric.type)
        )
        for sample in metric.samples:
            family.add_sample(sample.name, {**sample.labels, "process": process}, sample.value)
