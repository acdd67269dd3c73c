"""`python -m deploy.image.health`: ends with 0 if the service in this container is alive."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException
from typing import Final

PORTS: Final = {"gateway": 8888, "notifier": 8889, "tagger": 9191}
"""Where the services listen unless they are told otherwise."""

HERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where one that listens everywhere is reached from its own container."""

TIMEOUT_S: Final = 4.0
OK: Final = 200


def main() -> int:
    service = os.environ["SERVICE"]
    port = int(os.environ.get(f"TAGLINE_{service.upper()}_PORT") or PORTS[service])
    bind = os.environ.get("TAGLINE_BIND") or "127.0.0.1"
    connection = HTTPConnection(HERE.get(bind, bind), port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == OK else 1
    except (OSError, HTTPException) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
