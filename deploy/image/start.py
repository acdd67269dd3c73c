"""`python -m deploy.image.start`: run the service that this image holds, without a shell."""

from __future__ import annotations

import os
import runpy

if __name__ == "__main__":
    runpy.run_module(f"services.{os.environ['SERVICE']}", run_name="__main__", alter_sys=True)
