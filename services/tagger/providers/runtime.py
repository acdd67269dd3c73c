"""onnxruntime, kept from telling its makers of machines and models, as it does by default."""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # it looks when it is imported

import onnxruntime

__all__ = ["onnxruntime"]
