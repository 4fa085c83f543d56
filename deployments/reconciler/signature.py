"""A model's signature as its deployment's row keeps it."""

from collections.abc import Mapping
from typing import Any

from deployments.serving.oip import metadata
from deployments.serving.terms import Tensor, Validation


def signature_of(found: Validation) -> dict[str, Any]:
    """Return what validation found out about inputs and outputs, for the row."""
    return {
        "platform": found.platform,
        "inputs": metadata.signature(found.inputs),
        "outputs": metadata.signature(found.outputs),
        "feature_names": list(found.feature_names),
    }


def inputs_of(signature: Mapping[str, Any]) -> tuple[Tensor, ...]:
    """Return the inputs of a stored signature, none if there is none."""
    return metadata.tensors_of(signature.get("inputs", ()))
