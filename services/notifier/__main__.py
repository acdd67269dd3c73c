"""`python -m services.notifier`: carries progress events to sockets."""

from __future__ import annotations

from shared.early import end_when_told

if __name__ == "__main__":  # the rest takes a second
    end_when_told()

import sys

from services.notifier.app import build
from services.notifier.limits import Timing
from services.notifier.settings import NotifierSettings
from shared import logging
from shared.serve import serve
from shared.settings import load


def main() -> int:
    settings = load(NotifierSettings)
    logging.configure("notifier", settings.log, settings.log_level)
    return serve(
        "notifier",
        lambda: build(settings),
        bind=settings.bind,
        port=settings.port,
        grace_s=settings.grace_s,
        otlp_endpoint=settings.otlp_endpoint,
        started=settings.warn_if_open,
        idle_s=Timing().connect_within_s,
        cancel_handlers=True,
    )


if __name__ == "__main__":
    sys.exit(main())
