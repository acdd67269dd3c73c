"""The pipeline as a setting of the real tagger."""

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
    environment = {"TAGLINE_PIPELINE": pipeline, "TAGLINE_STAGES_DIR": str(tmp_path)}

    ran = subprocess.run(
        [sys.executable, "-m", "services.tagger"],
        cwd=ROOT,
        env={**clean_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1), ran.stderr
    assert ran.stderr == (
        "tagger: TAGLINE_PIPELINE: watermark needs the picture: put analyzing, which makes it, "
        "before watermark\n"
    )
