"""Settings that real services look at when they start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT, ServiceProcess, clean_environment, wait_until

STAGE = """
from services.tagger.stages.stage import Stage

STAGE = Stage(id="watermark", share=1, icon="tag", labels={"fr": "Filigrane", "en": "Watermark"},
              needs=("picture",), run=lambda work: None)
"""


def test_a_pipeline_that_cannot_work_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "watermark.py").write_text(STAGE)
    pipeline = "watermark,analyzing,ai,saving"

    assert refused({"TAGLINE_PIPELINE": pipeline, "TAGLINE_STAGES_DIR": str(tmp_path)}) == (
        "tagger: TAGLINE_PIPELINE: watermark needs the picture: put analyzing, which makes it, "
        "before watermark\n"
    )


def test_a_photo_store_that_there_is_not_is_one_line_and_exit_code_2() -> None:
    assert refused({"TAGLINE_BLOB_URL": "ftp://photos"}) == (
        "tagger: TAGLINE_BLOB_URL must start with file:// or s3://\n"
    )


def test_a_bucket_at_no_address_is_one_line_and_exit_code_2() -> None:
    assert refused({"TAGLINE_BLOB_URL": "s3://photos?endpoint_url=s3.example:8333"}) == (
        "tagger: TAGLINE_BLOB_URL has an endpoint_url that is no address such as "
        "https://s3.example\n"
    )


def test_a_bucket_without_a_name_is_one_line_and_exit_code_2() -> None:
    assert refused({"TAGLINE_BLOB_URL": "s3://"}) == (
        "tagger: TAGLINE_BLOB_URL must name a bucket, as in s3://photos\n"
    )


@pytest.mark.parametrize("service", ["gateway", "notifier", "tagger"])
def test_an_address_that_is_not_this_machines_is_one_line_and_exit_code_2(
    redis_url: str, tmp_path: Path, service: str
) -> None:
    settings = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}

    said = refused({**settings, "TAGLINE_BIND": "192.0.2.1"}, service)

    *before, line = said.splitlines()
    assert line.startswith(f"{service}: TAGLINE_BIND cannot be '192.0.2.1': ")
    assert not [each for each in before if "blobs_swept" not in each]


@pytest.mark.parametrize("service", ["gateway", "notifier"])
def test_one_that_others_can_reach_without_a_key_says_so_once_it_listens(
    redis_url: str, tmp_path: Path, service: str
) -> None:
    settings = {"REDIS_URL": redis_url, "TAGLINE_BLOB_URL": tmp_path.as_uri()}

    with ServiceProcess(service, {**settings, "TAGLINE_BIND": "0.0.0.0"}) as listening:
        wait_until(lambda: "open_to_the_network" in listening.output, "that it says so")
        assert "service_started" in listening.output.partition("open_to_the_network")[0]


def refused(settings: dict[str, str], service: str = "tagger") -> str:
    """What a service that does not start says on stderr."""
    ran = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        cwd=ROOT,
        env={**clean_environment(), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 2, ran.stderr
    return ran.stderr
