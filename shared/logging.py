"""Structured logs: static event names, identifiers as fields, one line each on stderr."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

Level = Literal["debug", "info", "warning"]


def configure(
    service: str, style: Literal["console", "json"] | None, level: Level = "info"
) -> None:
    """Set up structlog, and the standard library's logging through it.

    `style` None: `console` on a terminal, else `json`. `level`: the least of what we say that is
    written; libraries never say more than `info`.
    """
    console = sys.stderr.isatty() if style is None else style == "console"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(console=console),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for ours in ("services", "shared"):
        logging.getLogger(ours).setLevel(level.upper())
    for noisy in ("aiohttp.access", "httpx2", "httpcore2", "openai", "socketio", "engineio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(service=service)


def _renderer(*, console: bool) -> list[structlog.typing.Processor]:
    if not console:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The default one prints the locals of every frame: keys and photos among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]
