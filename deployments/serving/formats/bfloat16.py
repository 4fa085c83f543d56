"""Runs onnxruntime with bfloat16, for which numpy has no type of its own."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from deployments.serving.formats.base import Array
from deployments.serving.oip.datatypes import NUMPY
from deployments.serving.terms import TargetRefused, Tensor

Run = Callable[[Sequence[str], Mapping[str, Any]], Sequence[Any]]

HALF = "BF16"
BFLOAT16 = 16  # onnx.TensorProto.BFLOAT16


def runner_of(session: ort.InferenceSession, tensors: Sequence[Tensor]) -> Run:
    """Return what runs a session of such inputs and outputs. Raises TargetRefused."""
    if not any(each.datatype == HALF for each in tensors):
        run: Run = session.run
        return run
    if any(each.is_sequence or each.is_optional for each in tensors):
        raise TargetRefused(
            "Sequences and optional values beside bfloat16 cannot be sent."
        )

    def run_values(names: Sequence[str], feeds: Mapping[str, Any]) -> Sequence[Any]:
        given = {name: _value(array) for name, array in feeds.items()}
        return [_array(value) for value in session.run_with_ort_values(names, given)]

    return run_values


def _value(array: Array) -> ort.OrtValue:
    if array.dtype != NUMPY[HALF]:
        return ort.OrtValue.ortvalue_from_numpy(array)
    bits = np.ascontiguousarray(array).view(np.uint16)
    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, BFLOAT16)


def _array(value: ort.OrtValue) -> Array:
    if value.element_type() != BFLOAT16:
        return np.asarray(value.numpy())
    size = value.tensor_size_in_bytes()
    bits = ctypes.string_at(value.data_ptr(), size) if size else b""
    array: Array = np.frombuffer(bytearray(bits), np.uint16).view(NUMPY[HALF])
    return array.reshape(tuple(value.shape()))
