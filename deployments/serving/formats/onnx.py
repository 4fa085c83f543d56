"""ONNX by onnxruntime: data and known operators only, no code."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as status

from deployments.serving.formats import bfloat16, declared
from deployments.serving.formats.base import Array, LoadOptions, empty, is_memory
from deployments.serving.formats.declared import Shape
from deployments.serving.oip import sequences
from deployments.serving.oip.errors import BadRequest, ModelFailed, OutOfMemory
from deployments.serving.terms import TargetRefused, Tensor

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
    "bfloat16": "BF16",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
}
_TYPE = re.compile(r"(?P<optional>optional\()?(?P<seq>seq\()?tensor\((?P<kind>\w+)\)+")
RAISED = tuple(
    each
    for each in vars(status).values()
    if isinstance(each, type) and issubclass(each, Exception)
)
"""Every status of onnxruntime is a class of its own."""
PROVIDERS = ["CPUExecutionProvider"]
FEATURE_NAMES = "feature_names"
SHARED = (
    "The weights beside the ONNX file are shared by all instances, and so not packed "
    "by onnxruntime: answers may differ in their last digits from those of a session "
    "that packs them."
)
_LOCALE = re.compile(r"construct locale with name:(\S+?):")


class OnnxModel:
    platform = "onnx_onnxv1"

    def __init__(self, content: bytes, options: LoadOptions) -> None:
        self._weights = options.weights  # which the session uses where they lie
        try:
            self._session = _session(content, options)
        except RAISED as error:
            if is_memory(error):
                raise MemoryError(str(error)) from None
            raise TargetRefused(_why_not_loaded(error)) from None
        given = self._session.get_inputs()
        shapes = declared.shapes(content)
        # The bytes are kept for other providers, as large as all weights.
        self._session._model_bytes = None  # noqa: SLF001
        self.inputs = (
            *(_input(node, shapes) for node in given),
            *(
                replace(_input(node, shapes), is_optional=True, has_default=True)
                for node in self._session.get_overridable_initializers()
            ),
        )
        self._symbols = {node.name: _symbols(node.shape) for node in given}
        self.outputs = tuple(
            _output(node, shapes) for node in self._session.get_outputs()
        )
        self.feature_names = options.feature_names or self._named_features()
        is_shared = options.weights is not None and options.weights.is_shared
        self.notes = (SHARED,) if is_shared else ()
        self._known = {each.name: each for each in self.outputs}
        self._run = bfloat16.runner_of(self._session, (*self.inputs, *self.outputs))

    def predict(
        self, feeds: Mapping[str, Any], wanted: Sequence[str]
    ) -> list[tuple[str, Array]]:
        names = list(wanted) or list(self._known)
        try:
            values = self._run(names, feeds)
        except Exception as error:  # noqa: BLE001 - onnxruntime raises many kinds
            if self._has_no_rows(names, feeds):
                return [(name, empty(self._known[name])) for name in names]
            raise self._failure(error, feeds) from None
        named: list[tuple[str, Array]] = []
        for name, value in zip(names, values, strict=True):
            if self._known[name].is_sequence:
                named += sequences.numbered(self._known[name], value)
            elif value is not None:
                named.append((name, _array(value)))
        return named

    def _has_no_rows(self, names: Sequence[str], feeds: Mapping[str, Any]) -> bool:
        """Whether no rows were given to a model that answers each row by itself.

        Some operators of trees and labels fail on none, which is no fault of anybody.
        """
        given = [each for each in self.inputs if each.name in feeds]
        tensors = (*given, *(self._known[name] for name in names))
        return all(
            each.shape[:1] == (-1,) and not each.is_sequence for each in tensors
        ) and not any(len(feeds[each.name]) for each in given)

    def _failure(
        self, error: Exception, feeds: Mapping[str, Any]
    ) -> BadRequest | ModelFailed:
        """Classify a failed run as the request's error or the model's.

        Names, types, ranks and fixed lengths were checked before it, so it is the
        model's, whatever onnxruntime calls it: what fails within the graph is an
        "invalid argument" to it too. The request's are only lengths that the graph
        calls by one name and that differ; they are looked at no sooner, because
        many exporters name them carelessly and the graph runs all the same.
        """
        mismatch = _differing_lengths(self._symbols, feeds)
        if mismatch and not is_memory(error):
            return BadRequest(mismatch)
        kind = OutOfMemory if is_memory(error) else ModelFailed
        return kind(_first_line(error) or type(error).__name__)

    def _named_features(self) -> tuple[str, ...]:
        """Return the names that an exporter left in the file, comma-separated."""
        kept = self._session.get_modelmeta().custom_metadata_map
        return tuple(filter(None, kept.get(FEATURE_NAMES, "").split(",")))


def read(content: bytes, options: LoadOptions) -> OnnxModel:
    return OnnxModel(content, options)


def _session(content: bytes, options: LoadOptions) -> ort.InferenceSession:
    session_options = _session_options(options.threads)
    if options.weights is not None:
        made: ort.InferenceSession = options.weights.session(content, session_options)
        return made
    return ort.InferenceSession(content, session_options, PROVIDERS)


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Idle threads must not spin: the neighbours need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _input(node: Any, shapes: Mapping[str, Shape]) -> Tensor:
    found = _tensor(node, shapes)
    if found is None:
        raise TargetRefused(
            f"The input {node.name!r} is a {node.type}; only tensors of numbers, "
            "booleans or strings can be sent, and sequences of them."
        )
    return found


def _output(node: Any, shapes: Mapping[str, Shape]) -> Tensor:
    if node.type.startswith("seq(map(") and node.type.endswith(",tensor(float)))"):
        return Tensor(node.name, "FP32", (-1, -1))
    found = _tensor(node, shapes)
    if found is None:
        raise TargetRefused(
            f"The output {node.name!r} is a {node.type}, which cannot be sent."
        )
    return found


def _tensor(node: Any, shapes: Mapping[str, Shape]) -> Tensor | None:
    """Return a value as the file declares it; None for a type without a word."""
    found = _TYPE.fullmatch(node.type)
    if found is None or found["kind"] not in _TYPES:
        return None
    inferred = tuple(size if isinstance(size, int) else -1 for size in node.shape or ())
    shape = shapes.get(node.name, inferred)
    return Tensor(
        node.name,
        _TYPES[found["kind"]],
        (-1,) if shape is None else shape,
        is_optional=found["optional"] is not None,
        is_sequence=found["seq"] is not None,
        has_any_rank=shape is None,
    )


def _array(value: Any) -> Array:
    """Return an array; a ZipMap's list of maps becomes one row of values each."""
    if isinstance(value, list):
        rows = [list(row.values()) for row in value]
        return np.array(rows, np.float32).reshape(len(rows), -1 if rows else 0)
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


def _why_not_loaded(error: Exception) -> str:
    text = _first_line(error)
    if found := _LOCALE.search(text):
        return (
            f"The model compares texts by the locale {found[1]!r}, which this machine "
            "does not have. Whoever runs it can make it: localedef -i en_US -f UTF-8 "
            "en_US.UTF-8."
        )
    return f"onnxruntime cannot load it: {text}"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:500]
