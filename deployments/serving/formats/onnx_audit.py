"""Looks through an ONNX file, without running it, for what must not be served.

Every message of the file is looked at, wherever it stands: a new place for a tensor,
or a field that this program does not know, opens no way past it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from deployments.serving.formats import external
from deployments.serving.terms import TargetRefused

DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"}
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Allow-list of a file: domains of its own functions, external files by size."""

    domains: frozenset[str]
    sizes: Mapping[str, int]


def audit(content: bytes, sizes: Mapping[str, int] | None = None) -> None:
    """Raise Refused if the file reads other files or needs operators of its own.

    It may keep weights in files that were registered with it: `sizes`, in bytes, by
    their names.
    """
    try:
        model = onnx.load_from_string(content)
    except DecodeError:
        raise TargetRefused("The ONNX file is damaged.") from None
    local = frozenset(function.domain for function in model.functions)
    allowed = Allowed(DOMAINS | local, sizes or {})
    for message in external.messages(model):
        _require_known(message)
        if check := _CHECKS.get(message.DESCRIPTOR.full_name):
            check(message, allowed)


def _require_known(message: Message) -> None:
    """Raise Refused for fields, or words of a closed set, that are not known here."""
    for unknown in UnknownFieldSet(message):
        raise TargetRefused(
            f"The ONNX file has a field of {message.DESCRIPTOR.name} (number "
            f"{unknown.field_number}) that is not known here; export it for onnx "
            f"{onnx.__version__} or older."
        )


def _require_inside(tensor: Any, allowed: Allowed) -> None:
    if external.is_external(tensor):
        external.span_of(tensor, allowed.sizes)


def _require_operators(opset: Any, allowed: Allowed) -> None:
    if opset.domain not in allowed.domains:
        raise TargetRefused(
            f"The model needs custom operators ({opset.domain!r}), which are not "
            "loaded here."
        )


_CHECKS: dict[str, Callable[[Any, Allowed], None]] = {
    "onnx.TensorProto": _require_inside,
    "onnx.OperatorSetIdProto": _require_operators,
}
