"""A worker to be killed: `python -m tests.bench.holder KIND URL`.

Its actor appends process ID and time to the list `started:<kind>` and keeps its message for ever.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

import redis

from tests.bench.subjects import opened, worked


def main(kind: str, url: str) -> None:
    logging.disable(logging.CRITICAL)
    for_ever = threading.Event()

    with redis.Redis.from_url(url) as client, opened(kind, url) as broker:

        def run(_: int) -> None:
            client.rpush(f"started:{kind}", f"{os.getpid()} {time.time()}")
            for_ever.wait()

        with worked(broker, run):
            client.rpush(f"ready:{kind}", os.getpid())
            for_ever.wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
