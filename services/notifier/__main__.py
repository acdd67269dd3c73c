"""`python -m services.notifier`: carries progress events to sockets."""

from __future__ import annotations

import gc
import sys
from typing import Final

from services.notifier.app import build
from services.notifier.limits import Timing
from services.notifier.settings import NotifierSettings
from shared import logging
from shared.serve import serve
from shared.settings import load

COLLECT_AFTER: Final = 20_000
"""After how many more objects Python looks for cycles among the newest. One page of events is
some thousand objects, in no cycles: by default (700) that search took a sixth of all time."""


def main() -> int:
    gc.set_threshold(COLLECT_AFTER)
    settings = load(NotifierSettings)
    logging.configure("notifier", settings.log, settings.log_level)
    settings.warn_if_open()
    return serve(
        "notifier",
        lambda: build(settings),
        bind=settings.bind,
        port=settings.port,
        grace_s=settings.grace_s,
        otlp_endpoint=settings.otlp_endpoint,
        idle_s=Timing().connect_within_s,
        cancel_handlers=True,
    )


if __name__ == "__main__":
    sys.exit(main())
