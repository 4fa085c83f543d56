"""The values of one tensor, as JSON has them or of another type, as the model's.

No value changes on the way: whole numbers keep their digits, and what a type cannot
hold is refused. Only numbers with a fraction are rounded to the nearest that there is.
"""

import math
from collections.abc import Sequence
from itertools import chain
from types import NoneType
from typing import Any, cast

import numpy as np

from deployments.serving.oip.datatypes import KIND, NUMPY, Array, name_of
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import Tensor

MAX_RANK = 16
NUMERIC = frozenset((float, int))
TRUTHS = frozenset((bool, float, int))
FEW, SMALL = 64, 65504.0
ENDLESS = {"Infinity": math.inf, "-Infinity": -math.inf}
WORDS = {"NaN": math.nan, **ENDLESS}
EXACT = 1 << 53  # from it on, reading a number with a point may have lost digits


def fit(
    data: list[Any], shape: list[int], expected: Tensor, datatype: str | None = None
) -> Array:
    """Return nested or flat (row-major) data as the expected type, in `shape`.

    Numbers may be declared as any numeric type that keeps their value. Where a
    floating-point number is expected, the words NaN, Infinity and -Infinity are
    those, and null is NaN. Raises BadRequest.
    """
    name = expected.name
    flat, nesting = data, [len(data)]
    if data and type(data[0]) is list:
        flat, nesting = _leaves(data, name)
    if len(flat) != math.prod(shape):
        raise BadRequest(
            f"The shape of {name!r} is {shape}, which holds {math.prod(shape)} "
            f"values; data has {len(flat)}."
        )
    if len(nesting) > 1 and nesting != shape:
        raise BadRequest(
            f"The data of {name!r} is nested as {nesting}; its shape says {shape}."
        )
    return _typed(flat, datatype or expected.datatype, expected).reshape(shape)


def converted(array: Array, expected: Tensor) -> Array:
    """Return the array as the expected type. Raises BadRequest if a value is lost."""
    have, want = name_of(array.dtype), expected.datatype
    if have == want:
        return array
    kinds = KIND[have], KIND[want]
    if "O" in kinds or kinds[0] == "b":
        raise BadRequest(f"{expected.name!r} is {have}; the model takes {want}.")
    with np.errstate(all="ignore"):
        made = array.astype(NUMPY[want])
        is_kept = _is_kept(array, made, kinds)
    if not is_kept:
        raise BadRequest(
            f"The data of {expected.name!r} is out of range for {want}, or would lose "
            "digits as such."
        )
    return made


def _leaves(data: list[Any], name: str) -> tuple[list[Any], list[int]]:
    """Return the values in order, and how they are nested."""
    nesting = [len(data)]
    while data and type(data[0]) is list:
        width = len(data[0])
        if len(nesting) == MAX_RANK or any(
            type(each) is not list or len(each) != width for each in data
        ):
            raise BadRequest(
                f"The data of {name!r} must be a regular array, nested or flat."
            )
        nesting.append(width)
        data = list(chain.from_iterable(data))
    return data, nesting


def _typed(flat: list[Any], declared: str, expected: Tensor) -> Array:
    name, target = expected.name, expected.datatype
    types = set(map(type, flat))
    if declared == target and KIND[target] == "f":
        return _floats(flat, types, expected)
    if "BYTES" in (declared, target):
        allowed = {str, NoneType} if expected.takes_null else {str}
        if declared != target or not types <= allowed:
            raise BadRequest(f"The data of {name!r} does not fit {target}.")
        return _objects(flat)
    if KIND[declared] in "iub" and declared != target:
        own = Tensor(name, declared, expected.shape)
        return converted(_typed(flat, declared, own), expected)
    if KIND[target] == "f":
        return _floats(flat, types, expected)
    if KIND[target] == "b":
        return _truths(flat, types, name)
    return _whole(flat, types, expected)


def _objects(flat: Sequence[str | None]) -> Array:
    array = np.empty(len(flat), dtype=np.object_)
    array[:] = flat
    return array


def _floats(flat: list[Any], types: set[type], expected: Tensor) -> Array:
    if types <= NUMERIC and 0 < len(flat) <= FEW and _is_small(flat):
        return np.array(flat, NUMPY[expected.datatype])
    endless = 0
    if not types <= NUMERIC:
        endless = sum(type(value) is str and value in ENDLESS for value in flat)
        flat = [_number(value, expected.name) for value in flat]
    try:
        array = np.array(flat, np.float64)
    except OverflowError:
        raise _out_of_range(expected) from None
    if expected.datatype != "FP64":
        with np.errstate(over="ignore"):
            array = array.astype(NUMPY[expected.datatype])
    # Counting takes a tenth of the time of `np.any`.
    if np.count_nonzero(np.isinf(array)) != endless:
        raise _out_of_range(expected)
    return array


def _is_small(flat: list[float]) -> bool:
    """Whether all numbers are in the range of every type: no array tells as fast."""
    return min(flat) >= -SMALL and max(flat) <= SMALL


def _number(value: Any, name: str) -> float:
    if value is None:
        return math.nan
    if type(value) is str and value in WORDS:
        return WORDS[value]
    if type(value) in (float, int):
        return cast("float", value)
    raise _irregular(name)


def _whole(flat: list[Any], types: set[type], expected: Tensor) -> Array:
    if float in types:
        flat = [_as_whole(value, expected) for value in flat]
    elif not types <= {int}:
        raise _irregular(expected.name)
    try:
        return np.array(flat, NUMPY[expected.datatype])
    except OverflowError:
        raise _out_of_range(expected) from None


def _truths(flat: list[Any], types: set[type], name: str) -> Array:
    is_known = types <= TRUTHS and (
        types <= {bool} or all(value in (0, 1) for value in flat)
    )
    if not is_known:
        raise BadRequest(
            f"The data of {name!r} must be true, false, 0 or 1 in a regular array, "
            "nested or flat."
        )
    return np.array(flat, np.bool_)


def _as_whole(value: Any, expected: Tensor) -> int:
    if type(value) is float and value.is_integer() and abs(value) < EXACT:
        return int(value)
    if type(value) is int:
        return value
    raise BadRequest(
        f"The data of {expected.name!r} does not fit {expected.datatype}: whole "
        "numbers only, large ones without a point."
    )


def _is_kept(array: Array, made: Array, kinds: tuple[str, str]) -> bool:
    """Whether a converted array has the values of the original."""
    have, want = kinds
    if not array.size:
        return True
    if want == "b":
        return bool(np.all((array == 0) | (array == 1)))
    if want == have == "f":
        return bool(np.all(np.isinf(made) == np.isinf(array)))
    whole, other = (array, made) if have != "f" else (made, array)
    if other.dtype.kind in "iu":
        limits = np.iinfo(other.dtype)
        low, high = int(array.min()), int(array.max())
        return int(limits.min) <= low and high <= int(limits.max)
    return _is_same(whole, other.astype(np.float64))


def _is_same(whole: Array, number: Array) -> bool:
    """Whether integers equal floating-point numbers exactly."""
    limits = np.iinfo(whole.dtype)
    is_within = (number >= float(limits.min)) & (number < float(int(limits.max) + 1))
    if not np.all(is_within):  # what lies outside has no whole number to compare
        return False
    is_equal = number.astype(whole.dtype) == whole
    return bool(np.all(is_equal & (whole.astype(np.float64) == number)))


def _irregular(name: str) -> BadRequest:
    return BadRequest(
        f"The data of {name!r} must be numbers in a regular array, nested or flat."
    )


def _out_of_range(expected: Tensor) -> BadRequest:
    return BadRequest(
        f"The data of {expected.name!r} is out of range for {expected.datatype}."
    )
