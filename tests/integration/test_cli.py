"""The client from a terminal, as a user runs it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cli.client import Tagline
from cli.errors import TaglineError
from cli.upload import Upload
from tests.e2e.stack import running_stack
from tests.support.api import Keyed
from tests.support.barrier import barrier_to
from tests.support.cli import run_cli
from tests.support.clients import PHOTOS
from tests.support.notifier import notifier
from tests.support.processes import free_port
from tests.support.tagging import Bench
from tests.support.waiting import wait_until


async def test_photos_are_uploaded_followed_and_their_tags_printed(
    redis_url: str, tmp_path: Path
) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("no photo\n" * 20)
    with running_stack(redis_url, tmp_path, tmp_path / "cache") as stack:
        servers = ("--url", stack.gateway.url, "--notifier", stack.notifier.url)
        cat = await run_cli("upload", *servers, "--json", "--locale", "en", str(PHOTOS / "cat.jpg"))
        refused = await run_cli("upload", *servers, str(PHOTOS / "coffee.jpg"), str(text))

    assert cat[0] == 0, cat[2]
    photo = json.loads(cat[1])
    assert photo["status"] == "complete"
    assert photo["events"] == [["analyzing", 10], ["ai", 30], ["saving", 70], ["done", 100]]
    assert "cat" in [tag["name"] for tag in photo["tags"]]
    assert "cat.jpg   30 %  Generating tags..." in cat[2]
    assert refused[0] == 1
    assert "café" in refused[1]
    assert "notes.jpg    0 %  The content is no JPEG, PNG, WebP, GIF, HEIC or AVIF" in refused[2]


async def test_a_name_a_terminal_and_a_reader_may_be_odd(redis_url: str, tmp_path: Path) -> None:
    # Given a file whose name is not UTF-8, a terminal without accents, and nobody who reads
    odd = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    shutil.copy(PHOTOS / "coffee.jpg", odd)
    reading, nobody = os.pipe()
    os.close(reading)
    with running_stack(redis_url, tmp_path, tmp_path / "cache") as stack:
        servers = ("--url", stack.gateway.url, "--notifier", stack.notifier.url)
        named = await run_cli("upload", *servers, "--json", odd)
        shown = await run_cli("upload", *servers, odd, encoding="ascii")
        cut_off = await run_cli("trace", "1", "--url", stack.gateway.url, stdout=nobody)
    os.close(nobody)

    assert named[0] == 0, named[2]
    assert json.loads(named[1])["status"] == "complete"
    assert shown[0] == 0, shown[2]
    assert "caf?" in shown[1]
    assert cut_off == (1, "", "")


@pytest.mark.parametrize("service", ["--notifier", "--url"])
async def test_a_server_that_is_not_there_is_one_line_and_exit_code_2(service: str) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    code, _, error = await run_cli("upload", "--notifier", address, service, address, "cat.jpg")

    assert code == 2
    assert error.count("\n") == 1
    assert address in error


@pytest.mark.parametrize(
    ("service", "command"), [("GATEWAY", ("trace", "1")), ("NOTIFIER", ("upload", "cat.jpg"))]
)
async def test_servers_of_this_machine_are_looked_for_where_their_settings_say(
    monkeypatch: pytest.MonkeyPatch, service: str, command: tuple[str, ...]
) -> None:
    port = free_port()
    monkeypatch.setenv(f"TAGLINE_{service}_PORT", str(port))

    code, _, error = await run_cli(*command)

    assert code == 2
    assert f"cannot reach http://127.0.0.1:{port}:" in error


async def test_an_upload_goes_on_though_its_socket_begins_anew(
    redis_url: str, keyed_gateway: Keyed, bench: Bench
) -> None:
    upload = Upload([PHOTOS / "cat.jpg"], locale="fr", priority="normal", plain=True)
    async with (
        notifier(redis_url) as url,
        barrier_to(url) as (barrier, through),
        Tagline(keyed_gateway.url, through, key="s3cret-a") as client,
    ):
        running = asyncio.create_task(upload.run(client, parallel=1))
        await wait_until(lambda: upload.photos[0].status == "queued")
        # When the history is gone with which it might go on
        barrier.barred = ("/ws", "/sse", "/socket.io/")
        barrier.cut()
        bench.client.delete(*bench.client.keys("*:progress:*"))
        barrier.barred = ()
        await bench.complete("chat")

        assert await running
    assert [tag["name"] for tag in upload.photos[0].tags] == ["chat"]


@pytest.mark.parametrize("body", ["<h1>Sign in</h1>", "[]"])
async def test_an_answer_that_is_not_the_gateways_is_told_as_what_it_is(body: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, content_type="text/html")

    app = web.Application()
    app.router.add_get("/api/photos/1", answer)
    async with TestServer(app) as server:
        url = str(server.make_url("/"))
        async with Tagline(url, url) as client:
            with pytest.raises(TaglineError, match="it answered 200 with text/html"):
                await client.photo(1)
