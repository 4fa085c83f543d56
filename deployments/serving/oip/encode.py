"""Turns a model's arrays into the protocol's answer, and the plain one."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from deployments.serving.oip import binary
from deployments.serving.oip.datatypes import Array, name_of, standard
from deployments.serving.oip.errors import ModelFailed
from deployments.serving.oip.wire import dumps

Named = Sequence[tuple[str, Array]]
_WORDS = {float("inf"): "Infinity", float("-inf"): "-Infinity"}


class Answer(NamedTuple):
    """A body; one that is not finite has a NaN or an infinity in some output.

    `json_bytes` of it are JSON where binary tensors follow, else None.
    """

    body: bytes
    is_finite: bool = True
    json_bytes: int | None = None


def infer_response(
    head: dict[str, Any], arrays: Named, is_binary: Callable[[str], bool]
) -> Answer:
    """Return the answer to an infer call, data flat in row-major order.

    Raises ModelFailed for what the protocol has no word for.
    """
    outputs, pieces = [], []
    arrays = [(name, standard(array)) for name, array in arrays]
    finite = is_finite(arrays)
    for name, array in arrays:
        entry: dict[str, Any] = {
            "name": name,
            "shape": array.shape,
            "datatype": name_of(array.dtype),
        }
        if is_binary(name):
            raw = _raw(array, name)
            entry["parameters"] = {binary.SIZE: len(raw)}
            pieces.append(raw)
        else:
            entry["data"] = _plain(array.reshape(-1), name, finite)
        outputs.append(entry)
    text = _dumped({**head, "outputs": outputs})
    if not pieces:
        return Answer(text, finite)
    return Answer(b"".join((text, *pieces)), finite, len(text))


def _raw(array: Array, name: str) -> bytes | memoryview:
    if array.dtype.kind == "O":
        return binary.of_texts(_texts(array, name), name)
    return binary.of_numbers(array)


def predictions(arrays: Named) -> Answer:
    """Return the first output as `predictions`, and all of them by name."""
    arrays = [(name, standard(array)) for name, array in arrays]
    finite = is_finite(arrays)
    outputs = {name: _plain(array, name, finite) for name, array in arrays}
    first: Any = next(iter(outputs.values()), [])
    body = _dumped({"predictions": first, "outputs": outputs})
    return Answer(body, finite)


def is_finite(arrays: Named) -> bool:
    """Whether no output has a NaN or an infinity."""
    return all(_is_finite(array) for _, array in arrays)


def _is_finite(array: Array) -> bool:
    if array.dtype.kind in "iubO":
        return True
    if isinstance(array, np.ma.MaskedArray):
        array = array.compressed()
    # Counting takes a third of the time of `np.all` where arrays are small.
    return bool(np.count_nonzero(np.isfinite(array)) == array.size)


def _plain(array: Array, name: str, finite: bool) -> Any:  # noqa: FBT001 - of all outputs
    """Return values as JSON has them; NaN and infinities are words in it."""
    kind = array.dtype.kind
    if kind == "O":
        return _boxed(_texts(array, name), array.shape)
    if kind not in "biuf":
        array = array.astype(np.float32)
    if isinstance(array, np.ma.MaskedArray) or not (finite or _is_finite(array)):
        return _boxed([_word(value) for value in array.reshape(-1)], array.shape)
    return np.ascontiguousarray(array)


def _word(value: Any) -> Any:
    if value is np.ma.masked:
        return None
    return value if np.isfinite(value) else _WORDS.get(float(value), "NaN")


def _texts(array: Array, name: str) -> list[str | None]:
    """Return texts in row-major order; None where one is missing."""
    texts = array.reshape(-1).tolist()
    if set(map(type, texts)) <= {str}:
        return texts
    return [None if _is_missing(each) else _text(each, name) for each in texts]


def _is_missing(value: Any) -> bool:
    """Whether it is None, or the NaN that pandas has for it."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    kind = type(value).__name__
    raise ModelFailed(f"The output {name!r} is text and has a value of type {kind}.")


def _boxed(values: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """Return values nested as the shape says, each as the object that it is."""
    array = np.empty(len(values), np.object_)
    for place, value in enumerate(values):
        array[place] = value
    return array.reshape(shape).tolist()


def _dumped(content: dict[str, Any]) -> bytes:
    try:
        return dumps(content)
    except (TypeError, UnicodeEncodeError):
        raise ModelFailed("The model's answer has text that is not Unicode.") from None
