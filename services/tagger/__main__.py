"""`python -m services.tagger`: takes photos from the queue and tags them."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from services.tagger import heap, worker
from services.tagger.niceness import stand_back
from services.tagger.settings import TaggerSettings
from shared import logging, tracing
from shared.settings import load


def main() -> int:
    settings = load(TaggerSettings)
    logging.configure("tagger", settings.log, settings.log_level)
    stand_back(settings.nice)
    if settings.threads >= heap.MANY:
        heap.give_pictures_back()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        tracing.start("tagger", settings.otlp_endpoint)
        worker.run(settings)
    except (ValueError, RuntimeError) as error:
        print(f"tagger: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except OSError as error:
        address = f"{settings.bind}:{settings.port}"
        print(f"tagger: cannot serve on {address}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    finally:
        tracing.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
