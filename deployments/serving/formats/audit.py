"""Looks through an ONNX file, without running it, for what must not be served.

Every message of the file is looked at, wherever it stands: a new place for a tensor,
or a field that this program does not know, opens no way past it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import onnx
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from deployments.serving.terms import Refused

DOMAINS = frozenset(
    {"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc"}
)


def audit(content: bytes) -> None:
    """Raise Refused if the file reads other files or needs operators of its own."""
    try:
        model = onnx.load_from_string(content)
    except DecodeError:
        raise Refused("The ONNX file is damaged.") from None
    local = frozenset(function.domain for function in model.functions)
    for message in _messages(model):
        _require_known(message)
        if check := _CHECKS.get(message.DESCRIPTOR.full_name):
            check(message, local)


def _messages(model: Message) -> Iterator[Message]:
    """Yield the message and all that it holds, at whatever depth."""
    waiting = [model]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                waiting.extend(value if field.is_repeated else [value])


def _require_known(message: Message) -> None:
    """Raise Refused for fields, or words of a closed set, that are not known here."""
    for unknown in UnknownFieldSet(message):
        raise Refused(
            f"The ONNX file has a field of {message.DESCRIPTOR.name} (number "
            f"{unknown.field_number}) that is not known here; export it for onnx "
            f"{onnx.__version__} or older."
        )


def _require_inside(tensor: Any, _local: frozenset[str]) -> None:
    if tensor.data_location != onnx.TensorProto.DEFAULT or tensor.external_data:
        where = {entry.key: entry.value for entry in tensor.external_data}
        raise Refused(
            f"The model keeps the weights {tensor.name!r} in another file "
            f"({where.get('location', '')!r}); export it as one file."
        )


def _require_operators(opset: Any, local: frozenset[str]) -> None:
    if opset.domain not in DOMAINS | local:
        raise Refused(
            f"The model needs custom operators ({opset.domain!r}), which are not "
            "loaded here."
        )


_CHECKS: dict[str, Callable[[Any, frozenset[str]], None]] = {
    "onnx.TensorProto": _require_inside,
    "onnx.OperatorSetIdProto": _require_operators,
}
