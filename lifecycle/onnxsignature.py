"""What an ONNX file says of itself: inputs, outputs, opsets, who made it.

Only headers of messages are read, weights are passed over; nothing is loaded or run.
Numbers of fields are those of onnx.proto:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from lifecycle.protobuf import Malformed, Span, WireReader, mapped

TYPES = (
    *("undefined", "float", "uint8", "int8", "uint16", "int16", "int32", "int64"),
    *("string", "bool", "float16", "double", "uint32", "uint64", "complex64"),
    *("complex128", "bfloat16", "float8e4m3fn", "float8e4m3fnuz", "float8e5m2"),
    *("float8e5m2fnuz", "uint4", "int4", "float4e2m1", "float8e8m0"),
)
MAX_FIELDS = 2_000_000
"""A file with more is not read to its end: it takes too long for a request."""
MAX_TEXT = 4_000
MAX_DEPTH = 8
MAX_CONSTANTS = 100_000
LISTS_CONSTANTS = 3
"""Up to this version of the format, constants are listed among the inputs."""
UNKNOWN = "?"

Shape = tuple[int | str, ...]
Fields = Mapping[int, Sequence[int | Span]]


class ModelField(IntEnum):
    """Fields of ModelProto."""

    IR_VERSION = 1
    PRODUCER = 2
    PRODUCER_VERSION = 3
    GRAPH = 7
    OPSETS = 8
    METADATA = 14


class GraphField(IntEnum):
    """Fields of GraphProto; a value there has its name and type as 1 and 2."""

    CONSTANTS = 5
    INPUTS = 11
    OUTPUTS = 12


class TypeField(IntEnum):
    """Fields of TypeProto: one of them is what the value is."""

    TENSOR = 1
    SEQUENCE = 4
    MAP = 5
    SPARSE = 8
    OPTIONAL = 9


FIRST, SECOND = 1, 2
TENSOR_NAME = 8


@dataclass(frozen=True, slots=True)
class OnnxValue:
    """An input or output; a size of `shape` is a number, a name, or "?"."""

    name: str
    type: str
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class OnnxSignature:
    """What callers of the model send and get, and who made it by which operators."""

    inputs: list[OnnxValue]
    outputs: list[OnnxValue]
    ir_version: int = 0
    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> OnnxSignature | None:
    """Return the signature, or None if this is no whole ONNX file. Raises OSError."""
    with mapped(path) as content:
        if content is None:
            return None
        try:
            return _SignatureReader(WireReader(content, MAX_FIELDS)).signature()
        except Malformed:
            return None


class _SignatureReader:
    """Reads the few messages around the weights of one file."""

    def __init__(self, reader: WireReader) -> None:
        self._reader = reader

    def signature(self) -> OnnxSignature | None:
        model = self._reader.picked(self._reader.whole, set(ModelField))
        version = _number(model, ModelField.IR_VERSION)
        graph = _span(model, ModelField.GRAPH)
        if graph is None:
            return None
        inputs, outputs = self._values(
            graph, lists_constants=version <= LISTS_CONSTANTS
        )
        made_by = (ModelField.PRODUCER, ModelField.PRODUCER_VERSION)
        return OnnxSignature(
            inputs,
            outputs,
            version,
            " ".join(filter(None, (self._text(model, part) for part in made_by))),
            {
                self._text(one, FIRST) or "ai.onnx": _number(one, SECOND)
                for one in self._pairs(model[ModelField.OPSETS])
            },
            {
                self._text(one, FIRST): self._text(one, SECOND)
                for one in self._pairs(model[ModelField.METADATA])
            },
        )

    def _values(
        self, graph: Span, *, lists_constants: bool
    ) -> tuple[list[OnnxValue], list[OnnxValue]]:
        wanted = {GraphField.INPUTS, GraphField.OUTPUTS}
        parts = self._reader.picked(graph, wanted)
        constants: set[str] = set()
        if lists_constants:
            found = self._reader.picked(
                graph, {GraphField.CONSTANTS}, most=MAX_CONSTANTS
            )
            tensors = self._messages(found[GraphField.CONSTANTS], {TENSOR_NAME})
            constants = {self._text(one, TENSOR_NAME) for one in tensors}
        inputs, outputs = (
            [self._value(one) for one in self._pairs(parts[kind])]
            for kind in (GraphField.INPUTS, GraphField.OUTPUTS)
        )
        return [one for one in inputs if one.name not in constants], outputs

    def _value(self, fields: Fields) -> OnnxValue:
        kind, shape = self._type(_span(fields, SECOND), MAX_DEPTH)
        return OnnxValue(self._text(fields, FIRST), kind, shape)

    def _type(self, message: Span | None, depth: int) -> tuple[str, Shape | None]:
        """Return how a type is written, and the shape of a tensor."""
        if message is None or not depth:
            return UNKNOWN, None
        found = self._reader.picked(message, set(TypeField), most=1)
        for kind, spans in found.items():
            (inner,) = self._pairs(spans) or [{}]
            match kind:
                case TypeField.TENSOR | TypeField.SPARSE:
                    name = _type_name(_number(inner, FIRST))
                    shown = name if kind == TypeField.TENSOR else f"sparse {name}"
                    return shown, self._shape(_span(inner, SECOND))
                case TypeField.MAP:
                    key = _type_name(_number(inner, FIRST))
                    value, _ = self._type(_span(inner, SECOND), depth - 1)
                    return f"map({key}, {value})", None
                case _:
                    element, _ = self._type(_span(inner, FIRST), depth - 1)
                    return f"{TypeField(kind).name.lower()}({element})", None
        return UNKNOWN, None

    def _shape(self, message: Span | None) -> Shape | None:
        if message is None:
            return None
        sizes = self._pairs(self._reader.picked(message, {FIRST})[FIRST])
        return tuple(
            _number(one, FIRST)
            if isinstance(one[FIRST][0] if one[FIRST] else None, int)
            else self._text(one, SECOND) or UNKNOWN
            for one in sizes
        )

    def _pairs(self, values: Sequence[int | Span]) -> list[Fields]:
        """Return the fields 1 and 2 of each message."""
        return self._messages(values, {FIRST, SECOND})

    def _messages(self, values: Sequence[int | Span], wanted: set[int]) -> list[Fields]:
        return [
            self._reader.picked(value, wanted)
            for value in values
            if not isinstance(value, int)
        ]

    def _text(self, fields: Fields, number: int) -> str:
        span = _span(fields, number)
        if span is None:
            return ""
        start, end = span
        shown = self._reader.content[start : min(end, start + MAX_TEXT)]
        return shown.decode(errors="replace")


def _span(fields: Fields, number: int) -> Span | None:
    values = fields.get(number) or (None,)
    return None if isinstance(values[0], int) else values[0]


def _number(fields: Fields, number: int) -> int:
    values = fields.get(number) or (0,)
    return values[0] if isinstance(values[0], int) else 0


def _type_name(number: int) -> str:
    return TYPES[number] if number < len(TYPES) else UNKNOWN
