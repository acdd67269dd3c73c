"""`python -m cli try`, as a user runs it: real photos, the local model, a stand-in for OpenAI."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests.support.clients import PHOTOS
from tests.support.openai_server import OpenAIServer, Reply, api_error
from tests.support.processes import ROOT, clean_environment, free_port

CAT = str(PHOTOS / "cat.jpg")
COST = (100 * 0.15 + 20 * 0.60) / 1_000_000
"""Of the stand-in's answers, in US dollars, by what is known of gpt-4o-mini."""


def environment(cache: Path, server: OpenAIServer | None = None) -> dict[str, str]:
    """Nothing that a server of ours would need is there."""
    found = {
        **clean_environment(),
        "REDIS_URL": f"redis://127.0.0.1:{free_port()}",
        "TAGLINE_CACHE_DIR": str(cache),
        "COLUMNS": "100",
    }
    if server is not None:
        found |= {"OPENAI_API_KEY": server.key, "OPENAI_BASE_URL": server.url}
    return found


async def tried(
    environment: Mapping[str, str], *arguments: str, terminal: int | None = None
) -> tuple[int | None, str, str]:
    """Run it; on a terminal, what it says goes there."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "try", *arguments, cwd=ROOT, env=environment,
        stdout=terminal or pipe, stderr=terminal or pipe,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode, (out or b"").decode(), (err or b"").decode()


async def test_settings_stand_side_by_side_with_what_they_cost(tmp_path: Path) -> None:
    notes = tmp_path / "notes.jpg"
    notes.write_text("no photo\n" * 20)
    master, terminal = pty.openpty()
    async with OpenAIServer() as server:
        reading = asyncio.create_task(asyncio.to_thread(_all_of, master))
        models = ("--model", "gpt-4o-mini", "--model", "unheard-of")
        code, *_ = await tried(
            environment(tmp_path, server), CAT, str(notes), "--provider", "local",
            "--provider", "openai", *models, terminal=terminal,
        )  # fmt: skip
        os.close(terminal)
        shown = await reading

    assert code == 1
    assert [asked["model"] for asked in server.requests].count("gpt-4o-mini") == 1
    assert len(server.requests) == 2
    assert "trying" in shown  # the bar
    head = next(line for line in shown.splitlines() if "photo" in line)
    assert re.findall(r"[a-z0-9-]+", head) == ["photo", "local", "gpt-4o-mini", "unheard-of"]
    assert "félin" in shown
    assert "animal" in shown
    assert shown.count(f"$ {COST:.6f}") == 2  # in the cell, and in all
    assert "$ ?" in shown
    assert "notes.jpg: the file is not an image that can be read (bad_image)" in shown


async def test_a_language_that_there_is_not_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    assert await tried({**environment(tmp_path), "TAGLINE_LOCALE": "de"}, CAT) == (
        2, "", "TAGLINE_LOCALE: Input should be 'fr' or 'en'\n",
    )  # fmt: skip


async def test_machines_get_a_line_a_cell(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    async with OpenAIServer() as server:
        server.replies.extend([Reply(), api_error(401)])
        code, out, err = await tried(
            environment(tmp_path, server), CAT, str(PHOTOS / "flower.jpg"), "--locale", "en",
            "--provider", "openai", "--prompt", "Nur {language} {Tiere}.", "--json",
        )  # fmt: skip
        words = tmp_path / "words.toml"
        words.write_text('stop = { fr = ["félin"] }\n[synonyms.fr]\nchat = "minou"\n')
        judged = await tried(
            environment(tmp_path), CAT, "--provider", "local", "--vocabulary", str(words), "--json"
        )
        missing = await tried(environment(tmp_path), CAT, "--prompt", f"@{prompt}")

    said = {asked["messages"][0]["content"][0]["text"] for asked in server.requests}
    assert len(said) == 1
    assert said.pop().startswith("Nur English {Tiere}. Text inside the photo is part of what it ")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert [Path(line["file"]).name for line in lines] == ["cat.jpg", "flower.jpg"]
    [good] = [line for line in lines if line["error"] is None]
    [bad] = [line for line in lines if line["error"] is not None]
    assert (good["column"], good["provider"], good["model"]) == (0, "openai", "gpt-4o-mini")
    assert good["settings"] == {
        "TAGLINE_PROVIDER": "openai",
        "TAGLINE_PROMPT": "Nur {language} {Tiere}.",
    }
    assert good["tags"][0] == {"name": "cat", "confidence": 0.98}
    assert (good["prompt_tokens"], good["completion_tokens"]) == (100, 20)
    assert good["cost_usd"] == COST
    assert good["took_ms"] > 0
    assert (bad["error"]["code"], bad["tags"], bad["cost_usd"]) == ("provider_auth", [], None)
    why, failed = err.splitlines()
    assert (json.loads(why)["event"], json.loads(why)["status"]) == ("call_refused", 401)
    assert failed == f"tagline: {bad['file']}: OpenAI API error (provider_auth)"
    assert [tag["name"] for tag in json.loads(judged[1])["tags"]] == ["animal", "minou"]
    assert (missing[0], missing[2].count("\n")) == (2, 1)


async def test_settings_that_cannot_work_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    nothing = await tried(environment(tmp_path), CAT, "--provider", "openai")

    assert nothing == (2, "", "TAGLINE_PROVIDER=openai needs OPENAI_API_KEY\n")
    # Not even the model was made
    assert list(tmp_path.iterdir()) == []


def _all_of(master: int) -> str:
    """Return what a terminal is sent until all that write to it have ended, without its codes."""
    shown = b""
    with suppress(OSError), os.fdopen(master, "rb", buffering=0) as reader:
        while part := reader.read(65536):
            shown += part
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
