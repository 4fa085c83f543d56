"""Signatures as the protocol's metadata has them, and as deployments keep them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deployments.serving.terms import Signature, Tensor

_FLAGS = {
    "optional": "is_optional",
    "sequence": "is_sequence",
    "any_rank": "has_any_rank",
    "default": "has_default",
    "nullable": "takes_null",
}


def signature(tensors: Sequence[Tensor]) -> list[dict[str, Any]]:
    """Return an entry for each; what is more than a plain tensor has `parameters`."""
    return [_entry(each) for each in tensors]


def tensors_of(entries: Iterable[Mapping[str, Any]]) -> tuple[Tensor, ...]:
    """Return what `signature` made entries of."""
    return tuple(
        Tensor(
            each["name"],
            each["datatype"],
            tuple(each["shape"]),
            **{
                _FLAGS[name]: True
                for name in each.get("parameters", ())
                if name in _FLAGS
            },
        )
        for each in entries
    )


def as_json(whole: Signature) -> dict[str, Any]:
    return {
        "inputs": signature(whole.inputs),
        "outputs": signature(whole.outputs),
        "feature_names": list(whole.feature_names),
    }


def signature_in(entries: Mapping[str, Any]) -> Signature:
    """Return what `as_json` made."""
    return Signature(
        tensors_of(entries.get("inputs", ())),
        tensors_of(entries.get("outputs", ())),
        tuple(entries.get("feature_names", ())),
    )


def _entry(tensor: Tensor) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": tensor.name,
        "datatype": tensor.datatype,
        "shape": list(tensor.shape),
    }
    if flags := {name: True for name, flag in _FLAGS.items() if getattr(tensor, flag)}:
        entry["parameters"] = flags
    return entry
