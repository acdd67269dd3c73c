"""EfficientNet-Lite0 in plain numpy, to hold the converted model against.

Slow and direct: batch norms are computed as such and padding by TensorFlow's
general formula, so that a mistake in folding or padding shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

    Array = npt.NDArray[np.float32]
    Weights = Mapping[str, npt.NDArray[Any]]

STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)


def forward(weights: Weights, picture: Array) -> Array:
    """The 1000 probabilities of `picture`, 3 x 224 x 224."""
    last = _relu6(_norm(weights, "_bn0", _conv(picture, weights["_conv_stem.weight"], 2)))
    for block, stride in enumerate(STRIDES):
        name, start = f"_blocks.{block}", last
        if f"{name}._expand_conv.weight" in weights:
            last = _conv(last, weights[f"{name}._expand_conv.weight"], 1)
            last = _relu6(_norm(weights, f"{name}._bn0", last))
        last = _conv(last, weights[f"{name}._depthwise_conv.weight"], stride)
        last = _relu6(_norm(weights, f"{name}._bn1", last))
        last = _conv(last, weights[f"{name}._project_conv.weight"], 1)
        last = _norm(weights, f"{name}._bn2", last)
        if last.shape == start.shape:
            last = last + start
    last = _relu6(_norm(weights, "_bn1", _conv(last, weights["_conv_head.weight"], 1)))
    scores = weights["_fc.weight"] @ last.mean(axis=(1, 2)) + weights["_fc.bias"]
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum(), np.float32)


def _conv(x: Array, kernel: Array, stride: int) -> Array:
    """Convolve; depthwise where the kernel has one input channel."""
    size = kernel.shape[2]
    side = x.shape[1]
    out = -(-side // stride)
    total = max((out - 1) * stride + size - side, 0)
    padded = np.pad(x, ((0, 0), (total // 2, total - total // 2), (total // 2, total - total // 2)))
    result = np.zeros((kernel.shape[0], out, out), np.float32)
    for row in range(size):
        for column in range(size):
            rows = slice(row, row + (out - 1) * stride + 1, stride)
            columns = slice(column, column + (out - 1) * stride + 1, stride)
            seen, tap = padded[:, rows, columns], kernel[:, :, row, column]
            result += seen * tap[:, :, None] if tap.shape[1] == 1 else np.tensordot(tap, seen, 1)
    return result


def _norm(weights: Weights, name: str, x: Array) -> Array:
    mean, variance, scale, bias = (
        weights[f"{name}.{part}"][:, None, None]
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return np.asarray((x - mean) / np.sqrt(variance + 1e-3) * scale + bias, np.float32)


def _relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)
