"""Settings that the real tagger looks at when it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT, clean_environment

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


def test_an_address_that_is_not_this_machines_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    blobs = tmp_path.as_uri()

    said = refused({"TAGLINE_BIND": "192.0.2.1", "TAGLINE_BLOB_URL": blobs})

    assert said.count("\n") == 1
    assert said.startswith("tagger: TAGLINE_BIND cannot be '192.0.2.1': ")


def refused(settings: dict[str, str]) -> str:
    """What a tagger that does not start says on stderr."""
    ran = subprocess.run(
        [sys.executable, "-m", "services.tagger"],
        cwd=ROOT,
        env={**clean_environment(), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 2, ran.stderr
    return ran.stderr
