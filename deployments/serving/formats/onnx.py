"""ONNX by onnxruntime: data and known operators only, no code."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as status

from deployments.serving.formats.base import Array, Options
from deployments.serving.oip.errors import BadRequest, ModelFailed, OutOfMemory
from deployments.serving.terms import Refused, Tensor

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
        given = self._session.get_inputs()
        self.inputs = tuple(_input(node) for node in given)
        self._symbols = {node.name: _symbols(node.shape) for node in given}
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
        except Exception as error:  # noqa: BLE001 - onnxruntime raises many kinds
            raise self._failure(error, feeds) from None
        return [
            (name, _array(value)) for name, value in zip(names, values, strict=True)
        ]

    def _failure(
        self, error: Exception, feeds: Mapping[str, Array]
    ) -> BadRequest | ModelFailed:
        """Tell whose fault it is that a run failed.

        Names, types, ranks and fixed lengths were checked before it, so it is the
        model's, whatever onnxruntime calls it: what fails within the graph is an
        "invalid argument" to it too. The request's are only lengths that the graph
        calls by one name and that differ; they are looked at no sooner, because
        many exporters name them carelessly and the graph runs all the same.
        """
        if (said := _differing_lengths(self._symbols, feeds)) and not _is_memory(error):
            return BadRequest(said)
        kind = OutOfMemory if _is_memory(error) else ModelFailed
        return kind(_first_line(error) or type(error).__name__)

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


def _symbols(shape: Sequence[Any]) -> tuple[str, ...]:
    """Return the names of the axes that have one, else ""."""
    return tuple(size if isinstance(size, str) else "" for size in shape or ())


def _differing_lengths(
    symbols: Mapping[str, Sequence[str]], feeds: Mapping[str, Array]
) -> str:
    """Return a sentence about two axes of one name whose lengths differ, else ""."""
    first: dict[str, tuple[str, int]] = {}
    for name, array in feeds.items():
        for symbol, size in zip(symbols.get(name, ()), array.shape, strict=False):
            before, known = first.setdefault(symbol, (name, size))
            if symbol and known != size:
                return (
                    f"The axis {symbol!r} is {known} long in {before!r} and {size} in "
                    f"{name!r}; the model failed on that."
                )
    return ""


def _is_memory(error: Exception) -> bool:
    text = str(error)
    return isinstance(error, MemoryError) or any(mark in text for mark in _NO_MEMORY)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:500]
