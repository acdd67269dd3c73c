"""The library that runs the local model reports to nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT

RUN = """
from services.tagger.providers.runtime import onnxruntime
onnxruntime.InferenceSession('services/tagger/providers/yunet.onnx')
"""


def test_running_a_model_keeps_nothing_to_be_reported(tmp_path: Path) -> None:
    # Otherwise it makes an ID of the machine and a database of events there, and sends them.
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    subprocess.run([sys.executable, "-c", RUN], cwd=ROOT, env=environment, check=True)
    assert not list(tmp_path.iterdir())
