"""ONNX by onnxruntime: data and known operators only, no code."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as status

from deployments.targets.base import Refused, Tensor
from deployments.targets.formats.base import Array, Options
from deployments.targets.oip.errors import BadRequest, ModelFailed, OutOfMemory

_TYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_RAISED = (
    status.Fail,
    status.RuntimeException,
    status.InvalidGraph,
    status.InvalidProtobuf,
    status.NotImplemented,
    status.NoSuchFile,
    status.InvalidArgument,
    status.EPFail,
)
_NO_MEMORY = ("bad_alloc", "Failed to allocate memory", "bad allocation")
FEATURE_NAMES = "feature_names"


class OnnxModel:
    platform = "onnx_onnxv1"

    def __init__(self, content: bytes, options: Options) -> None:
        try:
            self._session = ort.InferenceSession(
                content, _session_options(options.threads), ["CPUExecutionProvider"]
            )
        except _RAISED as error:
            raise Refused(f"onnxruntime cannot load it: {_first_line(error)}") from None
        self.inputs = tuple(_input(node) for node in self._session.get_inputs())
        self._output_types = {n.name: n.type for n in self._session.get_outputs()}
        self.outputs = tuple(_output(node) for node in self._session.get_outputs())
        self.feature_names = options.feature_names or self._named_features()
        self._names = [each.name for each in self.outputs]

    def predict(
        self, feeds: Mapping[str, Array], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        names = list(wanted) or self._names
        try:
            values = self._session.run(names, feeds)
        except status.InvalidArgument as error:
            raise BadRequest(_first_line(error)) from None
        except _RAISED as error:
            raise _failure(error) from None
        return [
            (name, _array(value)) for name, value in zip(names, values, strict=True)
        ]

    def _named_features(self) -> tuple[str, ...]:
        """Return the names that an exporter left in the file, comma-separated."""
        kept = self._session.get_modelmeta().custom_metadata_map
        return tuple(filter(None, kept.get(FEATURE_NAMES, "").split(",")))


def read(content: bytes, options: Options) -> OnnxModel:
    return OnnxModel(content, options)


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle threads must not spin: the neighbours need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _input(node: Any) -> Tensor:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    if kind not in _TYPES:
        raise Refused(
            f"The input {node.name!r} is a {node.type}; only tensors of numbers, "
            "booleans or strings can be sent."
        )
    return Tensor(node.name, _TYPES[kind], _shape(node.shape))


def _output(node: Any) -> Tensor:
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    if kind in _TYPES:
        return Tensor(node.name, _TYPES[kind], _shape(node.shape))
    if node.type.startswith("seq(map(") and node.type.endswith(",tensor(float)))"):
        return Tensor(node.name, "FP32", (-1, -1))
    raise Refused(f"The output {node.name!r} is a {node.type}, which cannot be sent.")


def _shape(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(
        size if isinstance(size, int) and size > 0 else -1 for size in shape or ()
    )


def _array(value: Any) -> Array:
    """Return an array; a ZipMap's list of maps becomes one row of values each."""
    if isinstance(value, list):
        return np.array([list(row.values()) for row in value], dtype=np.float32)
    return np.asarray(value)


def _failure(error: Exception) -> ModelFailed:
    text = _first_line(error)
    kind = OutOfMemory if any(mark in text for mark in _NO_MEMORY) else ModelFailed
    return kind(text)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:500]
