"""Reads what an ONNX file declares of its inputs and outputs, and nothing else of it.

onnxruntime describes both, but says of a tensor of any rank what it says of a single
value, nothing of the tensors of a sequence, and of outputs what it inferred. The rest
of the file, which are its weights, is passed over unread. Numbers of fields are those
of onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator
from typing import Any

Shape = tuple[int, ...] | None
Message = memoryview

_GRAPH = 7
_VALUES = (11, 12)  # of a graph: its inputs, its outputs
_NAME, _TYPE = 1, 2
_TENSOR, _SEQUENCE, _OPTIONAL = 1, 4, 9
_ELEMENT, _SHAPE = 1, 2
_DIMENSION, _LENGTH = 1, 1
_VARINT, _EIGHT_BYTES, _PIECE, _FOUR_BYTES = 0, 1, 2, 5


def shapes(content: bytes | Message) -> dict[str, Shape]:
    """Return the shape of each input and output, or of its tensors if it has several.

    -1 is a length that is open; None is a shape that is not declared. What cannot be
    read as a protocol buffer is left out.
    """
    found: dict[str, Shape] = {}
    try:
        for graph in _pieces(memoryview(content), _GRAPH):
            for number, value in _fields(graph):
                if number in _VALUES and isinstance(value, memoryview):
                    name, shape = _declared(value)
                    found[name] = shape
    except (IndexError, ValueError):
        return found
    return found


def _declared(value: Message) -> tuple[str, Shape]:
    names = [str(piece, "utf-8") for piece in _pieces(value, _NAME)]
    kinds = list(_pieces(value, _TYPE))
    return names[-1], _of_type(kinds[-1]) if kinds else None


def _of_type(kind: Message) -> Shape:
    for number, value in _fields(kind):
        if number in (_SEQUENCE, _OPTIONAL) and isinstance(value, memoryview):
            inner = list(_pieces(value, _ELEMENT))
            return _of_type(inner[-1]) if inner else None
        if number == _TENSOR and isinstance(value, memoryview):
            shape = list(_pieces(value, _SHAPE))
            return _lengths(shape[-1]) if shape else None
    return None


def _lengths(shape: Message) -> tuple[int, ...]:
    return tuple(_length(dimension) for dimension in _pieces(shape, _DIMENSION))


def _length(dimension: Message) -> int:
    for number, value in _fields(dimension):
        if number == _LENGTH and isinstance(value, int) and value < 1 << 63:
            return value
    return -1


def _pieces(message: Message, wanted: int) -> Iterator[Message]:
    for number, value in _fields(message):
        if number == wanted and isinstance(value, memoryview):
            yield value


def _fields(message: Message) -> Iterator[tuple[int, Any]]:
    """Yield numbers with whole numbers or bytes. Raises IndexError or ValueError."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, form = key >> 3, key & 7
        if form == _VARINT:
            value, at = _varint(message, at)
            yield number, value
        elif form == _PIECE:
            size, at = _varint(message, at)
            if size > len(message) - at:
                raise ValueError("a field ends after its message")
            yield number, message[at : at + size]
            at += size
        elif form in (_EIGHT_BYTES, _FOUR_BYTES):
            at += 8 if form == _EIGHT_BYTES else 4
        else:
            raise ValueError("no such form of a field")


def _varint(message: Message, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the last byte has no top bit
            return value, at
        if shift > 63:  # noqa: PLR2004 - of 64 bits
            raise ValueError("a number is too long")
