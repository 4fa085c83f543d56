"""A request that a signature takes, for trying a model: zeros and short texts."""

import math
from typing import Any
from urllib.parse import quote

from deployments.serving.terms import Signature, Tensor

MOST_VALUES = 4096
"""More are not written out: who asks has to fill them in."""
TEXT = "text"


def example_request(signature: Signature, model: str) -> tuple[str, dict[str, Any]]:
    """Return the path below an endpoint, "" for its own address, and the body.

    Records by column where the model takes rows, the protocol's tensors elsewhere. What
    may be left out is. A tensor of more than `MOST_VALUES` values has none.
    """
    needed = [one for one in signature.inputs if not _may_be_left_out(one)]
    if not signature.inputs:
        return "", {}
    if len(needed) == 1 and signature.feature_names:
        value = _value(needed[0].datatype)
        return "", {"instances": [dict.fromkeys(signature.feature_names, value)]}
    if needed and all(map(_is_column, needed)):
        return "", {"instances": [{one.name: _value(one.datatype) for one in needed}]}
    tensors = [_tensor(one) for one in needed]
    return f"/v2/models/{quote(model, safe='')}/infer", {"inputs": tensors}


def unfilled(body: dict[str, Any]) -> list[tuple[str, int]]:
    """Return the tensors of an example that have no values yet, and how many they take.

    The shape says how many; one of no values at all needs none.
    """
    tensors = body.get("inputs", [])
    counts = [(one["name"], math.prod(one["shape"])) for one in tensors]
    return [(name, count) for name, count in counts if count > MOST_VALUES]


def _may_be_left_out(tensor: Tensor) -> bool:
    return tensor.is_optional or tensor.has_default


def _is_column(tensor: Tensor) -> bool:
    is_plain = not (tensor.is_sequence or tensor.has_any_rank)
    return is_plain and tensor.shape in {(-1,), (-1, 1)}


def _tensor(tensor: Tensor) -> dict[str, Any]:
    shape = [1] if tensor.has_any_rank else [abs(length) for length in tensor.shape]
    count = math.prod(shape)
    values = [_value(tensor.datatype)] * (count if count <= MOST_VALUES else 0)
    return {
        "name": f"{tensor.name}[0]" if tensor.is_sequence else tensor.name,
        "shape": shape,
        "datatype": tensor.datatype,
        "data": values,
    }


def _value(datatype: str) -> bool | int | float | str:
    if datatype == "BOOL":
        return False
    if datatype == "BYTES":
        return TEXT
    return 0.0 if datatype in {"FP16", "BF16", "FP32", "FP64"} else 0
