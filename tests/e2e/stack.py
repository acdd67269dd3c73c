"""The three real services over a real server, in a folder of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ServiceProcess


@dataclass(frozen=True)
class Stack:
    """The services; each may be killed and started again."""

    gateway: ServiceProcess
    notifier: ServiceProcess
    tagger: ServiceProcess
    blobs: Path


@contextmanager
def running_stack(
    redis_url: str,
    folder: Path,
    cache: Path,
    settings: Mapping[str, str] | None = None,
    of_gateway: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Start the services, all with `settings`, and wait until they are ready."""
    blobs = folder / "blobs"
    environment = {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": blobs.as_uri(),
        "TAGLINE_CACHE_DIR": str(cache),
        "TAGLINE_LOG": "console",
        **(settings or {}),
    }
    with ExitStack() as stack:
        notifier = ServiceProcess("notifier", environment)
        found = {"TAGLINE_PUBLIC_NOTIFIER_URL": notifier.url, **environment, **(of_gateway or {})}
        gateway = ServiceProcess("gateway", found)
        tagger = ServiceProcess("tagger", environment)
        for service in (gateway, notifier, tagger):
            stack.enter_context(service)
        for service in (gateway, notifier, tagger):
            service.wait_ready(timeout_s=60)
        yield Stack(gateway, notifier, tagger, blobs)
