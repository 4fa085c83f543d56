"""A model's signature as its deployment's row keeps it."""

from collections.abc import Mapping, Sequence
from typing import Any

from deployments.serving.terms import Tensor, Validation


def signature_of(found: Validation) -> dict[str, Any]:
    """Return what validation found out about inputs and outputs, for the row."""
    return {
        "inputs": _stored(found.inputs),
        "outputs": _stored(found.outputs),
        "feature_names": list(found.feature_names),
    }


def inputs_of(signature: Mapping[str, Any]) -> tuple[Tensor, ...]:
    """Return the inputs of a stored signature, none if there is none."""
    return tuple(
        Tensor(each["name"], each["datatype"], tuple(each["shape"]))
        for each in signature.get("inputs", ())
    )


def _stored(tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)}
        for each in tensors
    ]
