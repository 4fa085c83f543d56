"""The protocol's names of tensor types, and numpy's."""

from typing import Any

import numpy as np

NUMPY: dict[str, Any] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
KIND = {name: np.dtype(kind).kind for name, kind in NUMPY.items()}
_NAMES = {np.dtype(kind): name for name, kind in NUMPY.items()}


def name_of(dtype: "np.dtype[Any]") -> str:
    """Return the protocol's name; text and objects of any kind are BYTES."""
    return _NAMES.get(dtype, "BYTES")
