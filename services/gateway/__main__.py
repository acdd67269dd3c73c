"""`python -m services.gateway`: takes uploads and shows photos."""

from __future__ import annotations

from shared.early import end_when_told

if __name__ == "__main__":  # the rest takes a second
    end_when_told()

import sys
import warnings

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam

from services.gateway.app import build
from services.gateway.errors import unanswered
from services.gateway.settings import GatewaySettings
from shared import logging
from shared.serve import serve
from shared.settings import load


def main() -> int:
    settings = load(GatewaySettings)
    logging.configure("gateway", settings.log, settings.log_level)
    # aiohttp warns of headers in forms, and Python keeps every warning it has shown: strangers'
    # words, as many as they like.
    for warning in (BadContentDispositionHeader, BadContentDispositionParam):
        warnings.simplefilter("ignore", warning)
    return serve(
        "gateway",
        lambda: build(settings),
        bind=settings.bind,
        port=settings.port,
        grace_s=settings.grace_s,
        otlp_endpoint=settings.otlp_endpoint,
        started=settings.warn_if_open,
        unanswered=unanswered,
        idle_s=settings.idle_timeout_s,
        unread_s=settings.body_timeout_s,
    )


if __name__ == "__main__":
    sys.exit(main())
