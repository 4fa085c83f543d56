"""The protocol's names of tensor types, and numpy's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.serving.oip.errors import ModelFailed

Array = NDArray[Any]

bfloat16: Any
try:
    from ml_dtypes import bfloat16
except ModuleNotFoundError:  # in a model's own interpreter
    bfloat16 = None

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
if bfloat16 is not None:
    NUMPY["BF16"] = bfloat16
KIND = {name: np.dtype(kind).kind for name, kind in NUMPY.items()} | {"BF16": "f"}
_NAMES = {np.dtype(kind): name for name, kind in NUMPY.items()}
_TEXT, _NUMBERS, _WIDEST = "OUSM", "biuf", 8


def name_of(dtype: "np.dtype[Any]") -> str:
    """Return the protocol's name; text, times and objects of any kind are BYTES.

    Raises ModelFailed for what the protocol has no word for.
    """
    if (name := _NAMES.get(dtype)) is not None:
        return name
    if dtype.kind in _TEXT:
        return "BYTES"
    if (name := _NAMES.get(dtype.newbyteorder("="))) is not None:
        return name
    raise ModelFailed(f"The protocol has no word for values of the type {dtype}.")


def standard(array: Array) -> tuple[Array, bool]:
    """Return an array as the protocol has it, and whether it is of plain numbers.

    That is in native order, texts as objects, times as in ISO 8601. Plain are numbers
    one after another, none of them missing, of a type that C has too. Raises
    ModelFailed for what the protocol has no word for.
    """
    dtype = array.dtype
    if dtype.kind in _NUMBERS and dtype.isnative and dtype.itemsize <= _WIDEST:
        return array, type(array) is np.ndarray and array.flags.c_contiguous
    return _standard(array), False


def _standard(array: Array) -> Array:
    dtype = array.dtype
    if dtype in _NAMES:
        return array
    if dtype.kind == "M":
        return np.datetime_as_string(array).astype(np.object_)
    if dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            raise ModelFailed("An answer has bytes that are no text.") from None
    return array.astype(NUMPY[name_of(dtype)])
