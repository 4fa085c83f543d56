"""Turns a model's arrays into the protocol's answer, and the plain one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deployments.serving.oip.datatypes import name_of
from deployments.serving.oip.wire import dumps
from deployments.serving.terms import Tensor

Array = NDArray[Any]
Named = Sequence[tuple[str, Array]]


def infer_response(head: dict[str, Any], arrays: Named) -> bytes:
    """Return the answer to an infer call, data flat in row-major order."""
    return dumps({**head, "outputs": [tensor(name, array) for name, array in arrays]})


def tensor(name: str, array: Array) -> dict[str, Any]:
    return {
        "name": name,
        "shape": array.shape,
        "datatype": name_of(array.dtype),
        "data": _plain(array.reshape(-1)),
    }


def predictions(arrays: Named) -> bytes:
    """Return the first output as `predictions`, and all of them by name."""
    return dumps(
        {
            "predictions": _plain(arrays[0][1]),
            "outputs": {name: _plain(array) for name, array in arrays},
        }
    )


def signature(tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)}
        for each in tensors
    ]


def _plain(array: Array) -> Any:
    if array.dtype.kind not in "biuf":
        return array.astype(np.str_).tolist()
    return np.ascontiguousarray(array)
