"""Makes rows of a sampled request, as the model's features."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pyarrow as pa
from numpy.typing import NDArray

from deployments.serving.oip import convenience, raw
from deployments.serving.oip.binary import Tail
from deployments.serving.oip.datatypes import KIND
from deployments.serving.oip.decode import tensors
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import Tensor

Columns = dict[str, NDArray[Any]]

_WIDEST = {"f": "FP64", "i": "INT64", "u": "UINT64"}
_TABLE = 2


def columns(
    text: str,
    inputs: Sequence[Tensor],
    names: Sequence[str],
    binary: bytes | None = None,
) -> Columns:
    """Return a request's inputs by feature, all of one length.

    `binary` is what follows its JSON, None where nothing may.

    Numbers are as they were sent, not rounded to what the model takes: rounding
    alone would look like drift. Inputs that are no columns (images) are left out.
    Raises BadRequest for what the model would not have taken.
    """
    if binary and not text:
        # Bytes alone are of the model's own types: no others are named.
        feeds = raw.infer_request(memoryview(binary), inputs).feeds
    else:
        feeds = _feeds(text, inputs, names, Tail(memoryview(binary or b"")))
    found: Columns = {}
    for name, array in feeds.items():
        if not isinstance(array, list):
            found |= _columns(name, array, names if len(inputs) == 1 else ())
    sizes = {len(column) for column in found.values()}
    if len(sizes) > 1:
        raise BadRequest("The inputs have rows of their own each.")
    if 0 in sizes:
        raise BadRequest("The request has no rows.")
    return found


def _feeds(
    text: str, inputs: Sequence[Tensor], names: Sequence[str], tail: Tail
) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not JSON.") from None
    wide = [_widened(each) for each in inputs]
    if isinstance(body, dict) and isinstance(body.get("inputs"), list):
        return tensors(body["inputs"], wide, tail)
    return convenience.feeds(body, wide, names)


def as_arrow(column: NDArray[Any]) -> pa.Array:
    """Return a column for Parquet. NaN was null in JSON, and is null again."""
    if column.dtype.kind == "O":
        return pa.array(column, pa.string())
    return pa.array(column, from_pandas=True)


def _widened(tensor: Tensor) -> Tensor:
    return replace(tensor, datatype=_WIDEST.get(KIND[tensor.datatype], tensor.datatype))


def _columns(name: str, array: NDArray[Any], names: Sequence[str]) -> Columns:
    rows = array.shape[0] if array.ndim else 1
    width = math.prod(array.shape[1:])
    if array.ndim > _TABLE and width > 1:
        return {}
    flat = array.reshape(rows, width)
    if len(names) != width:
        names = [name] if width == 1 else [f"{name}_{i}" for i in range(width)]
    return {each: flat[:, i] for i, each in enumerate(names)}
