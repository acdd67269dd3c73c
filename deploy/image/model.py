"""`python -m deploy.image.model FOLDER`: keep the local model, converted, below a cache folder."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from services.tagger.providers.efficientnet import weights_path
from services.tagger.providers.local import LocalProvider


async def convert(folder: Path) -> None:
    """Raises `RuntimeError` if the weights are missing or wrong, or `folder` cannot be written."""
    provider = LocalProvider(folder / "models")
    await provider.start()
    await provider.close()
    # What it was made from is of no more use.
    weights_path().unlink()


if __name__ == "__main__":
    asyncio.run(convert(Path(sys.argv[1])))
