"""The client from a terminal, as a user runs it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import running_stack
from tests.support.clients import PHOTOS
from tests.support.processes import ROOT, free_port


async def run(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *arguments, cwd=ROOT, env={**os.environ, "COLUMNS": "100"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_photos_are_uploaded_followed_and_their_tags_printed(
    redis_url: str, tmp_path: Path
) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("no photo\n" * 20)
    with running_stack(redis_url, tmp_path, tmp_path / "cache") as stack:
        servers = ("--url", stack.gateway.url, "--notifier", stack.notifier.url)
        cat = await run("upload", *servers, "--json", "--locale", "en", str(PHOTOS / "cat.jpg"))
        refused = await run("upload", *servers, str(PHOTOS / "coffee.jpg"), str(text))

    assert cat[0] == 0, cat[2]
    photo = json.loads(cat[1])
    assert photo["status"] == "complete"
    assert photo["events"] == [["analyzing", 10], ["ai", 30], ["saving", 70], ["done", 100]]
    assert "cat" in [tag["name"] for tag in photo["tags"]]
    assert "cat.jpg   30 %  Generating tags..." in cat[2]
    assert refused[0] == 1
    assert "café" in refused[1]
    assert "notes.jpg    0 %  The content is no JPEG, PNG, WebP, GIF, HEIC or AVIF" in refused[2]


@pytest.mark.parametrize("service", ["--notifier", "--url"])
async def test_a_server_that_is_not_there_is_one_line_and_exit_code_2(service: str) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    code, _, error = await run("upload", "--notifier", address, service, address, "cat.jpg")

    assert code == 2
    assert error.count("\n") == 1
    assert address in error
