"""Turns a model's arrays into the protocol's answer, and the plain one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deployments.serving.oip.datatypes import name_of
from deployments.serving.oip.wire import dumps
from deployments.serving.terms import Tensor

Array = NDArray[Any]
Named = Sequence[tuple[str, Array]]


class Answer(NamedTuple):
    """A body; one that is not finite has a NaN or an infinity in some output."""

    body: bytes
    is_finite: bool = True


def infer_response(head: dict[str, Any], arrays: Named) -> Answer:
    """Return the answer to an infer call, data flat in row-major order."""
    outputs = [tensor(name, array) for name, array in arrays]
    return Answer(dumps({**head, "outputs": outputs}), is_finite(arrays))


def tensor(name: str, array: Array) -> dict[str, Any]:
    return {
        "name": name,
        "shape": array.shape,
        "datatype": name_of(array.dtype),
        "data": _plain(array.reshape(-1)),
    }


def predictions(arrays: Named) -> Answer:
    """Return the first output as `predictions`, and all of them by name."""
    body = dumps(
        {
            "predictions": _plain(arrays[0][1]),
            "outputs": {name: _plain(array) for name, array in arrays},
        }
    )
    return Answer(body, is_finite(arrays))


def is_finite(arrays: Named) -> bool:
    """Whether no output has a NaN or an infinity."""
    for _, array in arrays:
        # Counting takes a third of the time of `np.all` where arrays are small.
        if array.dtype.kind == "f" and (
            np.count_nonzero(np.isfinite(array)) != array.size
        ):
            return False
    return True


def signature(tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)}
        for each in tensors
    ]


def _plain(array: Array) -> Any:
    if array.dtype.kind not in "biuf":
        return array.astype(np.str_).tolist()
    return np.ascontiguousarray(array)
