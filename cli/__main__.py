"""`python -m cli`: Tagline from a terminal."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from rich.console import Console

from cli.client import Tagline
from cli.errors import TaglineError
from cli.upload import Upload, tag_table


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cli", description="Tagline from a terminal.")
    commands = parser.add_subparsers(dest="command", required=True)
    upload = commands.add_parser(
        "upload",
        help="upload photos, watch them being tagged, print their tags",
        epilog="example: python -m cli upload --locale en cat.jpg dog.jpg",
    )
    upload.add_argument("files", nargs="+", type=Path, metavar="FILE")
    upload.add_argument("--url", default="http://127.0.0.1:8888", help="the gateway")
    upload.add_argument("--notifier", default="http://127.0.0.1:8889")
    upload.add_argument(
        "--key", default=os.environ.get("TAGLINE_KEY"), help="API key; else TAGLINE_KEY"
    )
    upload.add_argument("--locale", choices=["fr", "en"], help="language of messages and tags")
    upload.add_argument("--priority", choices=["high", "normal", "low"], default="normal")
    upload.add_argument("--parallel", type=int, default=4, metavar="N", help="uploads at a time")
    upload.add_argument("--json", action="store_true", help="one JSON line a photo on stdout")
    return parser.parse_args()


async def _upload(arguments: argparse.Namespace) -> int:
    run = Upload(
        arguments.files,
        locale=arguments.locale,
        priority=arguments.priority,
        plain=not sys.stderr.isatty(),
    )
    async with Tagline(arguments.url, arguments.notifier, key=arguments.key) as client:
        complete = await run.run(client, parallel=max(1, arguments.parallel))
    if arguments.json:
        for photo in run.photos:
            print(photo.as_json())
    else:
        Console().print(tag_table(run.photos))
    return 0 if complete else 1


def main() -> int:
    arguments = _arguments()
    try:
        return asyncio.run(_upload(arguments))
    except TaglineError as error:
        print(f"tagline: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
