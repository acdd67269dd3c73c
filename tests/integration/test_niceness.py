"""A tagger lets others of its machine go first."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.processes import ServiceProcess, descendants, wait_until


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "TAGLINE_BLOB_URL": (tmp_path / "blobs").as_uri(),
        "TAGLINE_CACHE_DIR": str(tmp_path),
        "TAGLINE_PROVIDER": "openai",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }


def test_a_tagger_and_its_decoders_stand_back(settings: dict[str, str]) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    with ServiceProcess("tagger", {**settings, "TAGLINE_NICE": ""}) as tagger:
        tagger.wait_ready(timeout_s=60)
        wait_until(lambda: bool(descendants(tagger.pid)), "a decoder", timeout_s=60)
        family = [tagger.pid, *descendants(tagger.pid)]
        nice = {os.getpriority(os.PRIO_PROCESS, pid) for pid in family}
        group = Path(f"/proc/{tagger.pid}/autogroup")
        session = group.read_text().split()[-1] if group.exists() else "5"

    assert nice == {min(ours + 5, 19)}
    assert session == "5"


def test_a_tagger_that_would_go_before_others_is_refused(settings: dict[str, str]) -> None:
    with ServiceProcess("tagger", {**settings, "TAGLINE_NICE": "-1"}) as tagger:
        assert tagger._started().wait(60) == 2
        said = tagger.output.splitlines()[-1]

    assert "TAGLINE_NICE" in said
    assert "0" in said
