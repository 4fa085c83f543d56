"""A model's signature as its deployment's row keeps it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from deployments.serving.oip import metadata
from deployments.serving.terms import Manifest, Spec, Tensor, Validation


def signature_of(found: Validation, spec: Spec) -> dict[str, Any]:
    """Return what validation found out about inputs and outputs, for the row.

    The MLmodel's manifest is kept with it: a later one changes no answer.
    """
    manifest = spec.file.manifest
    return {
        "manifest": dataclasses.asdict(manifest) if manifest else None,
        "platform": found.platform,
        "inputs": metadata.signature(found.inputs),
        "outputs": metadata.signature(found.outputs),
        "feature_names": list(found.feature_names),
        "notes": list(found.notes),
    }


def manifest_of(signature: Mapping[str, Any]) -> Manifest | None:
    """Return the MLmodel's manifest as validated, None before validation."""
    kept = signature.get("manifest")
    return Manifest(**kept) if kept else None


def inputs_of(signature: Mapping[str, Any]) -> tuple[Tensor, ...]:
    """Return the inputs of a stored signature, none if there is none."""
    return metadata.tensors_of(signature.get("inputs", ()))
