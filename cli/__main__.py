"""`python -m cli`: Tagline from a terminal."""

from __future__ import annotations

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while the rest is imported is an end, and no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli.client import Tagline
from cli.errors import TaglineError
from cli.life import Life
from cli.trial import Trial, columns_of, tried
from cli.upload import Upload, tag_table

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m cli", description="Tagline from a terminal.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_upload(commands)
    _add_try(commands)
    _add_trace(commands)
    return parser.parse_args()


def _add_upload(commands: Commands) -> None:
    upload = commands.add_parser(
        "upload",
        help="upload photos, watch them being tagged, print their tags",
        epilog="example: python -m cli upload --locale en cat.jpg dog.jpg",
    )
    upload.add_argument("files", nargs="+", type=Path, metavar="FILE")
    upload.add_argument("--url", **_here("GATEWAY", 8888))
    upload.add_argument("--notifier", **_here("NOTIFIER", 8889))
    upload.add_argument(
        "--key", default=os.environ.get("TAGLINE_KEY"), help="API key; else TAGLINE_KEY"
    )
    upload.add_argument("--locale", choices=["fr", "en"], help="language of messages and tags")
    upload.add_argument("--priority", choices=["high", "normal", "low"], default="normal")
    upload.add_argument("--parallel", type=int, default=4, metavar="N", help="uploads at a time")
    upload.add_argument("--json", action="store_true", help="one JSON line a photo on stdout")
    upload.set_defaults(run=_upload)


def _add_try(commands: Commands) -> None:
    trial = commands.add_parser(
        "try",
        help="show what settings would make of photos, side by side; nothing is stored",
        description="Show tags, confidence, time and cost of every combination of what is given; "
        "what is not given is as the environment says. It needs no server.",
        epilog="example: python -m cli try cat.jpg --provider local --provider openai "
        "--model gpt-4o-mini --model gpt-4o",
    )
    trial.add_argument("files", nargs="+", type=Path, metavar="FILE")
    several: dict[str, Any] = {"action": "append", "default": []}
    trial.add_argument("--provider", **several, help="local, openai or auto; repeatable, as below")
    trial.add_argument("--model", **several, help="OPENAI_MODEL; of openai alone")
    trial.add_argument("--prompt", **several, help="TAGLINE_PROMPT, or @FILE; of openai alone")
    trial.add_argument("--vocabulary", **several, metavar="FILE", help="TAGLINE_VOCABULARY")
    trial.add_argument("--locale", choices=["fr", "en"], help="language of the tags")
    trial.add_argument("--json", action="store_true", help="JSON lines on stdout, one a cell")
    trial.set_defaults(run=_try)


def _add_trace(commands: Commands) -> None:
    trace = commands.add_parser(
        "trace",
        help="tell a photo's life: what happened when, and where it is now",
        epilog="example: python -m cli trace 123",
    )
    trace.add_argument("photo", type=int, metavar="PHOTO", help="its id, as `upload` prints it")
    trace.add_argument("--url", **_here("GATEWAY", 8888))
    trace.add_argument(
        "--key", default=os.environ.get("TAGLINE_KEY"), help="API key; else TAGLINE_KEY"
    )
    trace.add_argument("--json", action="store_true", help="the same as one JSON object")
    trace.set_defaults(run=_trace)


def _here(service: str, port: int) -> dict[str, Any]:
    """Return what is said of an address: by default it is where `make run` has the service."""
    variable = f"TAGLINE_{service}_PORT"
    return {
        "default": f"http://127.0.0.1:{os.environ.get(variable) or port}",
        "help": f"the {service.lower()}; else on this machine, at {variable} or {port}",
    }


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


async def _try(arguments: argparse.Namespace) -> int:
    trial = Trial(
        list(dict.fromkeys(arguments.files)),
        columns_of(
            arguments.provider,
            arguments.model,
            [_text(prompt) for prompt in arguments.prompt],
            arguments.vocabulary,
        ),
        arguments.locale,
    )
    if not await tried(trial):
        return 2
    for line in trial.failures():
        print(f"tagline: {line}", file=sys.stderr)
    if arguments.json:
        for line in trial.as_json():
            print(line)
    else:
        Console().print(trial.table())
    return 1 if trial.failed else 0


async def _trace(arguments: argparse.Namespace) -> int:
    async with Tagline(arguments.url, "", key=arguments.key) as client:
        photo = await client.photo(arguments.photo)
        life = Life(photo, await client.jobs(arguments.photo))
    if arguments.json:
        print(life.as_json())
    else:
        print("\n".join(life.lines()))
    return 0


def _text(prompt: str) -> str:
    """Return a prompt, read from its file if it is named by one."""
    if not prompt.startswith("@"):
        return prompt
    try:
        return Path(prompt[1:]).read_text()
    except (OSError, ValueError) as error:
        raise TaglineError(0, "no_prompt", f"cannot read {prompt[1:]}: {error}") from None


def main() -> int:
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        # From here on it leaves the terminal in order.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    arguments = _arguments()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # what it cannot say is no reason to end
            stream.reconfigure(errors="replace")
    run: Callable[[argparse.Namespace], Coroutine[Any, Any, int]] = arguments.run
    try:
        code = asyncio.run(run(arguments))
        print(end="", flush=True)
    except TaglineError as error:
        print(f"tagline: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Its reader has seen enough (`| head`). Python would find out anew as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    else:
        return code


if __name__ == "__main__":
    sys.exit(main())
