"""Makes rows of a sampled request, as the model's features."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
import pyarrow as pa
from numpy.typing import NDArray

from deployments.serving.oip import convenience
from deployments.serving.oip.datatypes import KIND
from deployments.serving.oip.decode import tensors
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import Tensor

Columns = dict[str, NDArray[Any]]

_WIDEST = {"f": "FP64", "i": "INT64", "u": "UINT64"}
_TABLE = 2


def columns(text: str, inputs: Sequence[Tensor], names: Sequence[str]) -> Columns:
    """Return the request's inputs by feature, all of one length.

    Numbers are as they were sent, not rounded to what the model takes: rounding
    alone would look like drift. Inputs that are no columns (images) are left out.
    Raises BadRequest for what the model would not have taken.
    """
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not JSON.") from None
    wide = [_widened(each) for each in inputs]
    if isinstance(body, dict) and isinstance(body.get("inputs"), list):
        feeds = tensors(body["inputs"], wide)
    else:
        feeds = convenience.feeds(body, wide, names)
    found: Columns = {}
    for name, array in feeds.items():
        found |= _columns(name, array, names if len(inputs) == 1 else ())
    if len({len(column) for column in found.values()}) > 1:
        raise BadRequest("The inputs have rows of their own each.")
    return found


def as_arrow(column: NDArray[Any]) -> pa.Array:
    """Return a column for Parquet. NaN was null in JSON, and is null again."""
    if column.dtype.kind == "O":
        return pa.array(column, pa.string())
    return pa.array(column, from_pandas=True)


def _widened(tensor: Tensor) -> Tensor:
    return replace(tensor, datatype=_WIDEST.get(KIND[tensor.datatype], tensor.datatype))


def _columns(name: str, array: NDArray[Any], names: Sequence[str]) -> Columns:
    rows = array.shape[0] if array.ndim else 1
    width = array.size // rows
    if array.ndim > _TABLE and width > 1:
        return {}
    flat = array.reshape(rows, width)
    if len(names) != width:
        names = [name] if width == 1 else [f"{name}_{i}" for i in range(width)]
    return {each: flat[:, i] for i, each in enumerate(names)}
