"""YuNet: where faces are on a picture, found by a net of 230 KB.

`yunet.onnx` is OpenCV Zoo's `face_detection_yunet_2023mar.onnx` (MIT, see `yunet.LICENSE`), which
https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet describes. It takes
BGR, 0 to 255, and answers on three grids of 8, 16 and 32 pixels: for each cell whether a face is
there (`cls`), how well its frame fits (`obj`), and the frame (`bbox`), in cells, the size as a
logarithm. It sees faces from about 10 pixels to 300.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from PIL import Image

from shared.decoding.picture import Picture

SIDE_PX: Final = 320
"""The side of what the model is shown: a face of a thirtieth of the photo's longer side is seen.
At 256 px a look takes 3.2 ms and misses small faces, at 320 px 4.9."""

MODEL: Final = Path(__file__).with_name("yunet.onnx")
MODEL_SHA256: Final = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

OUTPUTS: Final = tuple(f"{what}_{px}" for px in (8, 16, 32) for what in ("cls", "obj", "bbox"))

FACE_LEAST: Final = 0.8
"""How sure a face must be: at this, one of 540 pictures of food has one, at 0.7 eight."""

_SAME_LEAST: Final = 0.3
"""Of two frames, the share of their union that both cover, from which they are one face."""


class Face(NamedTuple):
    """A face: how sure it is, 0 to 1, and its frame, in parts of the picture's longer side."""

    confidence: float
    left: float
    top: float
    width: float
    height: float


def read_model(path: Path = MODEL) -> bytes:
    """Return the model for pictures of `SIDE_PX`, once its hash is known to be right.

    Raises `RuntimeError` if the file is absent or is not the published one.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise RuntimeError(f"The model of faces cannot be read: {e}.") from e
    found = hashlib.sha256(data).hexdigest()
    if found != MODEL_SHA256:
        raise RuntimeError(
            f"The model of faces is not the published one: {path.name} has the "
            f"sha256 {found}, expected {MODEL_SHA256}."
        )
    model = onnx.load_from_string(data)
    # All that ties the net to the 640 pixels it was published for.
    del model.graph.value_info[:]
    height, width = model.graph.input[0].type.tensor_type.shape.dim[2:]
    height.dim_value = width.dim_value = SIDE_PX
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"cells of {output.name}"
    return bytes(model.SerializeToString())


def prepare(picture: Picture) -> npt.NDArray[np.float32]:
    """Make what the model takes, 1 x 3 x 320 x 320: all of `picture`, black beside or below it."""
    image = Image.frombuffer("RGB", (picture.width, picture.height), picture.rgb)
    scale = SIDE_PX / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    shown = np.zeros((3, SIDE_PX, SIDE_PX), np.float32)
    bgr = np.asarray(image.resize(size, Image.Resampling.BILINEAR))[:, :, ::-1]
    shown[:, : size[1], : size[0]] = bgr.transpose(2, 0, 1)
    return shown[np.newaxis]


def faces(outputs: dict[str, npt.NDArray[Any]]) -> tuple[Face, ...]:
    """Read the model's answer, by the names of `OUTPUTS`: the faces, the surest first."""
    framed = [face for px in (8, 16, 32) for face in _on_grid(outputs, px)]
    apart: list[Face] = []
    for face in sorted(framed, reverse=True):
        if all(_overlap(face, other) < _SAME_LEAST for other in apart):
            apart.append(face)
    return tuple(apart)


def _on_grid(outputs: dict[str, npt.NDArray[Any]], px: int) -> list[Face]:
    sure = (outputs[f"cls_{px}"][0, :, 0] * outputs[f"obj_{px}"][0, :, 0]) ** 0.5
    cells = np.flatnonzero(sure >= FACE_LEAST)
    rows, columns = np.divmod(cells, SIDE_PX // px)
    right, down, width, height = outputs[f"bbox_{px}"][0, cells].T
    width, height = np.exp(width), np.exp(height)
    left, top = columns + right - width / 2, rows + down - height / 2
    frames = np.stack([left, top, width, height], axis=1) * (px / SIDE_PX)
    return [
        Face(min(1.0, float(confidence)), *map(float, frame))
        for confidence, frame in zip(sure[cells], frames, strict=True)
    ]


def _overlap(one: Face, other: Face) -> float:
    """Return the part of the union of both frames that both cover."""
    right = min(one.left + one.width, other.left + other.width)
    bottom = min(one.top + one.height, other.top + other.height)
    wide, high = right - max(one.left, other.left), bottom - max(one.top, other.top)
    if wide <= 0 or high <= 0:
        return 0.0
    both = wide * high
    return both / (one.width * one.height + other.width * other.height - both)
