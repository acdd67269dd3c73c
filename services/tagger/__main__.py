"""`python -m services.tagger`: takes photos from the queue and tags them."""

from __future__ import annotations

from shared.early import end_when_told

if __name__ == "__main__":  # the rest takes a second
    end_when_told()

import asyncio
import sys
from pathlib import Path

import uvloop

from services.tagger import crew, heap
from services.tagger.niceness import stand_back
from services.tagger.settings import TaggerSettings
from shared import logging, tracing
from shared.serve import why_not
from shared.settings import load


def main(socket: Path | None = None) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code.

    `socket`: where one of several processes says how it is.
    """
    settings = load(TaggerSettings)
    logging.configure("tagger", settings.log, settings.log_level)
    stand_back(settings.nice)
    try:
        if settings.processes > 1:
            return crew.run(settings)
        _work(settings, socket)
    except (ValueError, RuntimeError, OSError) as error:
        address = str(socket or f"{settings.bind}:{settings.port}")
        code, why = why_not(error, settings.bind, address)
        print(f"tagger: {why}", file=sys.stderr)  # noqa: T201
        return code
    finally:
        tracing.stop()
    return 0


def _work(settings: TaggerSettings, socket: Path | None) -> None:
    # 28 MB, of which a process that only watches others needs nothing.
    from services.tagger import worker  # noqa: PLC0415

    if settings.threads >= heap.MANY:
        heap.give_pictures_back()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    tracing.start("tagger", settings.otlp_endpoint)
    worker.run(settings, socket)


if __name__ == "__main__":
    sys.exit(main())
