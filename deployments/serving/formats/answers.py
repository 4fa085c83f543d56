"""Conversion of pyfunc results, in all their forms, to named arrays."""

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from deployments.serving.formats.base import Array
from deployments.serving.oip.datatypes import NUMPY, name_of, standard
from deployments.serving.oip.errors import ModelFailed
from deployments.serving.terms import Tensor

OUTPUT = "predict"
Declared = Sequence[Tensor]


class OtherType(ModelFailed):
    """An output is of another type than the signature says, or out of its range."""


def named(answer: Any, declared: Declared) -> dict[str, Array]:
    """Return the outputs by name, as the types that the signature declares, if any.

    Takes a DataFrame, a Series, an array, a list, a dict of arrays, a list of
    records, or a single value. Raises OtherType for what contradicts the signature.
    """
    outputs = _split(answer, declared)
    types = {each.name: each.datatype for each in declared}
    if len(declared) == len(outputs) == 1:
        (array,) = outputs.values()
        outputs = {declared[0].name: array}
    return {
        name: _cast(array, types[name], name) if name in types else array
        for name, array in outputs.items()
    }


def spread(answer: Any, name: str, declared: Declared = ()) -> dict[str, Array]:
    """Return what a library's method answers as named arrays, values unchanged.

    One array is called as its signature declares, else `name`; several are numbered
    (probabilities of several labels), and the columns of a table keep their names.
    """
    if hasattr(answer, "toarray"):  # a sparse matrix
        answer = answer.toarray()
    if isinstance(answer, (list, tuple)) and _is_arrays(answer):
        return {f"{name}_{place}": _array(one) for place, one in enumerate(answer)}
    if hasattr(answer, "columns") and hasattr(answer, "itertuples"):
        return {str(column): _array(answer[column]) for column in answer.columns}
    array = _array(answer)
    names = [each.name for each in declared]
    if array.ndim == 2 and 1 < len(names) == array.shape[1]:  # noqa: PLR2004 - rows of columns
        return dict(zip(names, array.T, strict=True))
    return {names[0] if len(names) == 1 else name: array}


def _is_arrays(answer: Sequence[Any]) -> bool:
    return bool(answer) and all(isinstance(one, np.ndarray) for one in answer)


def described(outputs: Mapping[str, Array]) -> Iterator[Tensor]:
    """Yield what one row shows of the outputs; their first axis is the rows."""
    for name, array in outputs.items():
        yield Tensor(name, name_of(array.dtype), (-1, *array.shape[1:]))


def _split(answer: Any, declared: Declared) -> dict[str, Array]:
    if hasattr(answer, "columns") and hasattr(answer, "itertuples"):
        return {str(name): _array(answer[name]) for name in answer.columns}
    if isinstance(answer, Mapping):
        return {str(name): _array(values) for name, values in answer.items()}
    if isinstance(answer, list) and (columns := _records(answer)):
        return columns
    array = _array(answer)
    if array.ndim == 2 and 1 < len(declared) == array.shape[1]:  # noqa: PLR2004 - rows of columns
        names = [each.name for each in declared]
        return dict(zip(names, array.T, strict=True))
    return {OUTPUT: array}


def _records(answer: list[Any]) -> dict[str, Array]:
    """Return the columns of a list of records, none if it is something else."""
    if not answer or not all(isinstance(row, Mapping) for row in answer):
        return {}
    if any(row.keys() != answer[0].keys() for row in answer):
        return {}
    return {str(name): _array([row[name] for row in answer]) for name in answer[0]}


def _array(values: Any) -> Array:
    """Return an array of at least one axis, of a type that the protocol has."""
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.empty(len(values), dtype=np.object_)
        array[:] = values
    array = np.atleast_1d(array)
    return _of_objects(array) if array.dtype.kind == "O" else standard(array)[0]


def _of_objects(array: Array) -> Array:
    """Return objects as numbers or truth values if they all are, else as text.

    What is missing is masked among numbers, and None among texts.
    """
    values = [_own(value) for value in array.reshape(-1).tolist()]
    if values and all(isinstance(value, bool) for value in values):
        return array.astype(np.bool_)
    if values and all(type(value) is int for value in values):
        return array.astype(np.int64)
    if values and all(value is None or type(value) in (int, float) for value in values):
        missing = np.array([value is None for value in values]).reshape(array.shape)
        return np.ma.array(array.astype(np.float64), mask=missing)
    texts = np.empty(len(values), dtype=np.object_)
    texts[:] = [_text(value) for value in values]
    return texts.reshape(array.shape)


def _own(value: Any) -> Any:
    """Return Python's own value for a number or a text of numpy's."""
    return value.item() if isinstance(value, np.generic) else value


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None  # as pandas has what is missing
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _cast(array: Array, datatype: str, name: str) -> Array:
    if datatype == "BYTES" or name_of(array.dtype) == datatype:
        return array
    if np.can_cast(array.dtype, NUMPY[datatype], "same_kind"):
        with np.errstate(over="ignore"):
            cast = array.astype(NUMPY[datatype])
        if _is_kept(array, cast):
            return cast
    raise OtherType(
        f"The output {name!r} is {name_of(array.dtype)}; the model's signature "
        f"says {datatype}."
    )


def _is_kept(array: Array, cast: Array) -> bool:
    """Whether whole numbers are the same, and no number has become infinite."""
    if array.dtype.kind == "f":
        return bool(np.all(np.isinf(cast) == np.isinf(array)))
    return bool(np.all(cast == array))
