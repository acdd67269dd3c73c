"""The local models: no network, no key, fifteen milliseconds of one core a photo.

EfficientNet-Lite0 names animals, dishes, vehicles, landscapes and things of every day, YuNet
sees faces. What neither knows is not named: people without a face, texts, the night.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import structlog
from PIL import Image

from services.tagger.providers import efficientnet, labels, yunet
from services.tagger.providers.efficientnet import SIDE_PX, WEIGHTS_SHA256
from services.tagger.providers.labels import TABLE, Labels, read_concepts
from services.tagger.providers.provider import (
    FREE,
    MOST_TAGS,
    Provider,
    Question,
    Recognition,
    Turn,
    at_once,
)
from services.tagger.providers.runtime import onnxruntime
from shared.decoding.picture import Picture

logger = structlog.stdlib.get_logger()

MODEL_FILE: Final = f"efficientnet-lite0-{WEIGHTS_SHA256[:12]}-v{efficientnet.CONVERSION}.onnx"

_RULES: Final = (
    yunet.MODEL_SHA256,
    yunet.SIDE_PX,
    yunet.FACE_LEAST,
    MOST_TAGS,
    labels.NARROW_LEAST,
    labels.WIDE_LEAST,
    labels.BESIDE_A_FACE_LEAST,
    labels.ON_AN_ANIMAL_LEAST,
    labels.LARGE_FACE,
    labels.GROUP_FACES,
)
"""What besides the model and the table decides on the tags."""

_CONCURRENCY: Final = 2
"""Photos looked at in parallel; each costs 10 MB more. Beyond that, add processes."""


class LocalProvider(Provider):
    """EfficientNet-Lite0 and YuNet in this process.

    `model_dir` keeps the converted model, 18 MB; several processes may share it.
    `threads` is how many cores one photo may use.
    """

    name = "local"
    model = "built-in"
    picture_side_px = 512
    endpoint = None
    price = FREE

    def __init__(self, model_dir: Path, *, threads: int = 1) -> None:
        self._model = model_dir / MODEL_FILE
        self._threads = threads
        self._executor = ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="local-model")
        self._session: Any = None
        self._face_session: Any = None
        self._labels: Labels | None = None
        self._fingerprint = ""

    async def start(self) -> None:
        """Load the models, converting one first where `model_dir` has none that works.

        Raises `RuntimeError` if the weights are missing or not the published ones,
        or `model_dir` cannot be written.
        """
        await asyncio.get_running_loop().run_in_executor(self._executor, self._load)

    def fingerprint(self, question: Question) -> str:  # noqa: ARG002
        """Return a hash of the models, their labels and the rules between them."""
        return self._fingerprint

    async def recognize(
        self,
        picture: Picture,
        question: Question,  # noqa: ARG002
        *,
        turn: Turn = at_once,
    ) -> Recognition:
        """Look at the middle square of `picture`, and at all of it for faces.

        Every tag has both names, whatever the language.
        """
        loop = asyncio.get_running_loop()
        async with turn():
            return await loop.run_in_executor(self._executor, self._look, picture)

    async def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._session = self._face_session = self._labels = None

    def _load(self) -> None:
        self._labels = Labels(read_concepts())
        decides = f"{MODEL_FILE} {_RULES}".encode() + TABLE.read_bytes()
        self._fingerprint = hashlib.sha256(decides).hexdigest()
        self._face_session = self._opened(yunet.read_model(), yunet.OUTPUTS, yunet.SIDE_PX)
        if self._model.exists():
            try:
                self._session = self._open()
            except Exception as e:  # noqa: BLE001 - onnxruntime's errors have no common base
                logger.warning("local_model_damaged", path=str(self._model), error=str(e))
            else:
                return
        self._convert()
        self._session = self._open()

    def _convert(self) -> None:
        started = time.monotonic()
        weights = efficientnet.read_weights(efficientnet.weights_path())
        try:
            _write_whole(self._model, efficientnet.build_model(weights))
        except OSError as e:
            raise RuntimeError(f"The local model cannot be stored in its folder: {e}.") from e
        duration_ms = round((time.monotonic() - started) * 1000)
        logger.info("local_model_converted", path=str(self._model), duration_ms=duration_ms)

    def _open(self) -> Any:
        return self._opened(str(self._model), ("probabilities",), SIDE_PX)

    def _opened(self, model: str | bytes, outputs: tuple[str, ...], side_px: int) -> Any:
        """Return a session of `model`, a path or its bytes, that has looked at a black square."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # A thread that spins while it waits takes the core that the other photo needs.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena stays on, and so does the memory plan: here they save memory. With
        # both, two photos at a time hold 120 MB for good; without, up to 320 MB.
        options.enable_cpu_mem_arena = True
        options.enable_mem_pattern = True
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        # The first run is slow and shows that the model is whole: not on somebody's photo.
        black = np.zeros((1, 3, side_px, side_px), np.float32)
        session.run(outputs, {session.get_inputs()[0].name: black})
        return session

    def _look(self, picture: Picture) -> Recognition:
        if self._session is None or self._labels is None:
            raise RuntimeError("Need to await `start()` first.")
        (probabilities,) = self._session.run(["probabilities"], {"picture": prepare(picture)})
        found = self._face_session.run(yunet.OUTPUTS, {"input": yunet.prepare(picture)})
        faces = yunet.faces(dict(zip(yunet.OUTPUTS, found, strict=True)))
        return Recognition(tags=self._labels.tags(probabilities[0], faces))


def prepare(picture: Picture) -> npt.NDArray[np.float32]:
    """Make what the model takes, 1 x 3 x 224 x 224, of the middle square of `picture`.

    All of it: the seven eighths of the published evaluation name more that is not there.
    """
    image = Image.frombuffer("RGB", (picture.width, picture.height), picture.rgb)
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    middle = image.resize(
        (SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)
    )
    values = (np.asarray(middle, np.float32) - 127) / 128
    return np.ascontiguousarray(values.transpose(2, 0, 1)[np.newaxis])


def _write_whole(path: Path, data: bytes) -> None:
    """Write `path` so that nobody ever sees a part of it, nor does a power cut leave one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".converting-") as folder:
        part = Path(folder) / path.name
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
