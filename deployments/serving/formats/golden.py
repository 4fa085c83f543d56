"""Golden rows: requests stored with their answers, which a model must reproduce.

A JSON object, or a list of them: `inputs` and `outputs` as the Open Inference
Protocol writes tensors, and optionally `tolerance` {"absolute", "relative"}.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from deployments.serving.formats.base import Array, Loaded
from deployments.serving.oip import wire
from deployments.serving.oip.decode import tensor_array, tensors
from deployments.serving.oip.errors import BadRequest, ModelFailed
from deployments.serving.terms import TargetRefused, Tensor

ABSOLUTE, RELATIVE = 1e-4, 1e-3


def check(model: Loaded, stored: bytes) -> int:
    """Return how many rows the model reproduced.

    Raises TargetRefused at one it did not.
    """
    return sum(_check_one(model, case) for case in cases(stored))


def cases(stored: bytes) -> list[Any]:
    """Return the stored requests. Raises TargetRefused."""
    try:
        found = wire.loads(stored)
    except json.JSONDecodeError:
        raise TargetRefused("The golden rows are not JSON.") from None
    return found if isinstance(found, list) else [found]


def _check_one(model: Loaded, case: Any) -> int:
    try:
        feeds = tensors(case["inputs"], model.inputs)
        answers = dict(model.predict(feeds, ()))
        for entry in case["outputs"]:
            got = answers[entry["name"]]
            want = _stored(entry, got)
            _compare(entry["name"], got, want, case.get("tolerance") or {})
    except BadRequest as error:
        raise TargetRefused(f"The golden rows do not fit the model: {error}") from None
    except ModelFailed as error:
        raise TargetRefused(f"The model failed on the golden rows: {error}") from None
    except (KeyError, TypeError, AttributeError):
        raise TargetRefused(
            "The golden rows name no inputs or outputs of the model."
        ) from None
    return _rows(feeds)


def _rows(feeds: Mapping[str, Any]) -> int:
    """Return how many rows a case has; one where inputs are no rows."""
    sizes = [
        np.shape(each)[:1] for each in feeds.values() if not isinstance(each, list)
    ]
    return sizes[0][0] if sizes and sizes[0] else 1


def _stored(entry: dict[str, Any], got: Array) -> Array:
    return tensor_array(entry, Tensor(entry["name"], entry["datatype"], got.shape))


def differing(
    got: Array, want: Array, absolute: float = ABSOLUTE, relative: float = RELATIVE
) -> Array:
    """Return where two arrays of one shape are not equal within a tolerance."""
    if got.dtype.kind in "OUS" or want.dtype.kind in "OUS":
        return np.asarray(got.astype(np.object_) != want.astype(np.object_))
    return ~np.isclose(
        got.astype(np.float64),
        want.astype(np.float64),
        atol=absolute,
        rtol=relative,
        equal_nan=True,
    )


def _compare(name: str, got: Array, want: Array, tolerance: dict[str, float]) -> None:
    wrong = differing(
        got,
        want,
        float(tolerance.get("absolute", ABSOLUTE)),
        float(tolerance.get("relative", RELATIVE)),
    )
    if wrong.any():
        first = tuple(np.argwhere(wrong)[0])
        row = first[0] + 1 if first else 1
        raise TargetRefused(
            f"Golden row {row}: the output {name!r} is {got[first]}, but "
            f"{want[first]} is stored; {int(wrong.sum())} of {wrong.size} differ."
        )
