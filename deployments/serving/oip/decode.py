"""Turns the protocol's tensors into arrays that fit a model's signature."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.serving.oip.datatypes import KIND, NUMPY
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import Tensor

Array = NDArray[Any]
MAX_RANK = 16
MAX_ELEMENTS = 1 << 31


@dataclass(slots=True)
class InferRequest:
    """A request whose tensors fit; an empty `wanted` asks for every output."""

    feeds: dict[str, Array]
    wanted: list[str]
    id: str | None = None


def infer_request(
    body: Any, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> InferRequest:
    """Check a parsed body against the signature. Raises BadRequest."""
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    request_id = body.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise BadRequest("id must be a string.")
    _require_object(body.get("parameters"), "parameters")
    feeds = tensors(body.get("inputs"), inputs)
    return InferRequest(feeds, _wanted(body.get("outputs"), outputs), request_id)


def tensors(entries: Any, expected: Sequence[Tensor]) -> dict[str, Array]:
    """Return an array for each expected tensor. Raises BadRequest."""
    if not isinstance(entries, list) or not entries:
        raise BadRequest(
            "inputs must be a list of at least one tensor; instances and records are"
            " read at the endpoint's own address."
        )
    known = {tensor.name: tensor for tensor in expected}
    arrays: dict[str, Array] = {}
    for entry in entries:
        name = _name(entry, "inputs")
        if name not in known:
            raise BadRequest(f"There is no input {name!r}; {_one_of(known)}.")
        if name in arrays:
            raise BadRequest(f"The input {name!r} is given twice.")
        arrays[name] = tensor_array(entry, known[name])
    if missing := [
        name
        for name, tensor in known.items()
        if name not in arrays and not tensor.is_optional
    ]:
        raise BadRequest(f"The input {missing[0]!r} is missing.")
    return arrays


def tensor_array(entry: dict[str, Any], expected: Tensor) -> Array:
    """Return one tensor as an array of the expected type and shape."""
    datatype = entry.get("datatype")
    if not isinstance(datatype, str) or datatype not in NUMPY:
        raise BadRequest(
            f"The datatype of {expected.name!r} must be one of {', '.join(NUMPY)}."
        )
    _require_object(entry.get("parameters"), "parameters")
    shape = _shape(entry.get("shape"), expected)
    if not isinstance(entry.get("data"), list):
        raise BadRequest(f"The data of {expected.name!r} must be a list.")
    return fit(entry["data"], shape, expected, datatype)


def fit(
    data: list[Any], shape: list[int], expected: Tensor, datatype: str | None = None
) -> Array:
    """Return nested or flat (row-major) data as the expected type, in `shape`.

    Numbers may be declared as any numeric type that keeps their value; null is
    NaN where a floating-point number is expected.
    """
    name, target = expected.name, expected.datatype
    array = _strings(data, name) if target == "BYTES" else _numbers(data, name)
    if target == "UINT64" and array.dtype.kind == "f":
        array = _large_numbers(data, array)
    _check_kind(array, datatype or target, name)
    if datatype not in (None, target):
        _check_kind(array, target, name)
    if array.size != math.prod(shape):
        raise BadRequest(
            f"The shape of {name!r} is {shape}, which holds {math.prod(shape)} "
            f"values; data has {array.size}."
        )
    if array.ndim > 1 and list(array.shape) != shape:
        raise BadRequest(
            f"The data of {name!r} is nested as {list(array.shape)}; its shape "
            f"says {shape}."
        )
    return _cast(array, target, name).reshape(shape)


def _wanted(entries: Any, outputs: Sequence[Tensor]) -> list[str]:
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise BadRequest("outputs must be a list.")
    known = [tensor.name for tensor in outputs]
    wanted = [_name(entry, "outputs") for entry in entries]
    for name in wanted:
        if name not in known:
            raise BadRequest(f"There is no output {name!r}; {_one_of(known)}.")
    return list(dict.fromkeys(wanted))


def _name(entry: Any, where: str) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        raise BadRequest(f"Every entry of {where} must be an object with a name.")
    return name


def _require_object(value: Any, where: str) -> None:
    if value is not None and not isinstance(value, dict):
        raise BadRequest(f"{where} must be an object.")


def _one_of(names: Any) -> str:
    return "there is " + ", ".join(repr(name) for name in names)


def _shape(shape: Any, expected: Tensor) -> list[int]:
    if (
        not isinstance(shape, list)
        or len(shape) > MAX_RANK
        or not all(type(size) is int and size >= 0 for size in shape)
        or math.prod(shape) > MAX_ELEMENTS
    ):
        raise BadRequest(
            f"The shape of {expected.name!r} must be a list of whole numbers."
        )
    fits = len(shape) == len(expected.shape) and all(
        want in (-1, size) for size, want in zip(shape, expected.shape, strict=True)
    )
    if not fits or 0 in shape:
        raise BadRequest(
            f"The shape of {expected.name!r} is {shape}; the model takes "
            f"{list(expected.shape)}, where -1 is any length of at least one."
        )
    return shape


def _numbers(data: list[Any], name: str) -> Array:
    try:
        array = np.array(data)
        if array.dtype.kind == "O" and all(
            value is None or type(value) in (int, float) for value in _flat(data)
        ):
            array = np.array(data, dtype=np.float64)
    except (ValueError, OverflowError, TypeError, RecursionError, MemoryError):
        array = np.array(None)
    if array.dtype.kind not in "biuf":
        raise BadRequest(
            f"The data of {name!r} must be numbers in a regular array, nested or flat."
        )
    return array


def _large_numbers(data: list[Any], array: Array) -> Array:
    """Return whole numbers above what signed ones hold without going over floats."""
    if all(type(value) is int and 0 <= value < 1 << 64 for value in _flat(data)):
        return np.array(data, dtype=np.uint64)
    return array


def _strings(data: list[Any], name: str) -> Array:
    values = list(_flat(data))
    if not all(isinstance(value, str) for value in values):
        raise BadRequest(f"The data of {name!r} must be strings.")
    array = np.empty(len(values), dtype=np.object_)
    array[:] = values
    return array


def _flat(data: Any) -> Iterator[Any]:
    """Yield the leaves in order, without recursion: nesting is the client's choice."""
    stack = [iter(data)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, list):
                stack.append(iter(value))
                break
            yield value
        else:
            stack.pop()


def _check_kind(array: Array, datatype: str, name: str) -> None:
    kind, have = KIND[datatype], array.dtype.kind
    if kind == have or array.size == 0:
        return
    whole = have in "iu" or (have == "f" and _is_whole(array))
    if kind == "f" and have in "iuf":
        return
    if kind in "iu" and whole:
        return
    if kind == "b" and whole and not np.any((array != 0) & (array != 1)):
        return
    raise BadRequest(f"The data of {name!r} does not fit {datatype}.")


def _is_whole(array: Array) -> bool:
    return bool(np.all(np.isfinite(array)) and np.all(array == np.trunc(array)))


def _cast(array: Array, datatype: str, name: str) -> Array:
    kind = KIND[datatype]
    if kind in "iu" and array.size:
        limits = np.iinfo(NUMPY[datatype])
        low, high = array.min().item(), array.max().item()
        if int(low) < int(limits.min) or int(high) > int(limits.max):
            raise BadRequest(f"The data of {name!r} is out of range for {datatype}.")
    with np.errstate(over="ignore"):
        cast = array.astype(NUMPY[datatype])
    # Counting takes a tenth of the time of `np.any`.
    if kind == "f" and np.count_nonzero(np.isinf(cast)):
        raise BadRequest(f"The data of {name!r} is out of range for {datatype}.")
    return cast
