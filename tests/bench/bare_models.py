"""The local models without any service: what the machine could do at most."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from services.tagger.providers import yunet
from services.tagger.providers.local import LocalProvider, prepare
from shared.decoding.picture import Picture

SIDE_PX = LocalProvider.picture_side_px


@dataclass(frozen=True)
class Bare:
    """Photos a second from their bytes, of ready arrays, and the CPU time of one from its bytes."""

    decoded: float
    models: float
    decoded_cpu_ms: float


def bare_rates(model_dir: Path, photos: Sequence[bytes]) -> Bare:
    """Have a thread for each core look at the photos, on the sessions of the provider."""
    provider = LocalProvider(model_dir)
    asyncio.run(provider.start())
    names, faces = provider._session, provider._face_session

    def look(arrays: tuple[Any, Any]) -> None:
        names.run(None, {"picture": arrays[0]})
        faces.run(None, {"input": arrays[1]})

    ready = [_arrays(photo) for photo in photos[:16]]
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        models, _ = _rate(threads, look, [ready[at % 16] for at in range(len(photos))])
        decoded, cpu_ms = _rate(threads, lambda photo: look(_arrays(photo)), photos)
    asyncio.run(provider.close())
    return Bare(decoded, models, cpu_ms)


def _rate(
    threads: ThreadPoolExecutor, work: Callable[[Any], None], items: Iterable[Any]
) -> tuple[float, float]:
    """Return items a second, and the CPU time of one in ms."""
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    count = len(list(threads.map(work, items)))
    cpu_ms = 1000 * (time.process_time() - start_cpu_s) / count
    return count / (time.perf_counter() - start_s), cpu_ms


def _arrays(photo: bytes) -> tuple[Any, Any]:
    with Image.open(io.BytesIO(photo)) as image:
        image.draft(None, (SIDE_PX, SIDE_PX))
        image.thumbnail((SIDE_PX, SIDE_PX))
        picture = Picture(image.width, image.height, image.convert("RGB").tobytes())
    return prepare(picture), yunet.prepare(picture)
