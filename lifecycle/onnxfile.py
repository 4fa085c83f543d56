"""Reads from an ONNX file which other files it keeps tensors in, and nothing else.

Only headers of messages are looked at; weights are passed over unread. The file is not
believed: what a name leads to is decided by who asks, and a model process refuses any
name that is not in the list it was given. Numbers of fields are those of onnx.proto:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import mmap
from pathlib import Path, PurePosixPath

from lifecycle.protobuf import Malformed, Span, WireReader, mapped

MODEL, TENSOR, ENTRY = "ModelProto", "TensorProto", "StringStringEntryProto"
WAYS: dict[str, dict[int, str]] = {
    MODEL: {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "GraphProto": {1: "NodeProto", 5: TENSOR, 15: "SparseTensorProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: TENSOR,
        6: "GraphProto",
        10: TENSOR,
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: TENSOR, 2: TENSOR},
    TENSOR: {13: ENTRY},
}
"""The fields, by number, on the ways from a model to where a tensor names a file."""
KEY, VALUE, LOCATION = 1, 2, b"location"
_MOST_OF_A_MODEL = 25
MAX_FIELDS = 2_000_000
"""A file with more is not read to its end: it takes too long for a request."""
MAX_NAMES = 10_000


def locations(path: Path) -> tuple[str, ...]:
    """Return the names of the files that an ONNX file keeps tensors in, sorted.

    Only names of paths within the file's own folder. Nothing for what is no ONNX file,
    is damaged or has more than MAX_FIELDS fields. Raises OSError.
    """
    with mapped(path) as content:
        # Most models name no file; trees have millions of fields.
        if content is None or content.find(LOCATION) < 0:
            return ()
        return _locations(content)


def is_inside(name: str) -> bool:
    """Whether a name is a plain path that stays in its folder."""
    path = PurePosixPath(name)
    return bool(name) and path.as_posix() == name and not _leads_out(path)


def _leads_out(path: PurePosixPath) -> bool:
    return path.is_absolute() or ".." in path.parts or path.as_posix() == "."


def _locations(content: mmap.mmap) -> tuple[str, ...]:
    try:
        found = {str(each, "utf-8") for each in _names(content)}
    except (Malformed, UnicodeDecodeError):
        return ()
    return tuple(sorted(filter(is_inside, found)))


def _names(content: mmap.mmap) -> set[bytes]:
    """Return all that tensors say to be kept in. Raises Malformed."""
    reader = WireReader(content, MAX_FIELDS)
    names: set[bytes] = set()
    waiting = [(MODEL, reader.whole)]
    while waiting:
        kind, message = waiting.pop()
        if kind == ENTRY:
            names |= _location(reader, message)
            if len(names) > MAX_NAMES:
                raise Malformed
            continue
        inner = WAYS[kind]
        for number, value in reader.fields(message):
            if isinstance(value, int):
                continue
            if kind == MODEL and number > _MOST_OF_A_MODEL:
                raise Malformed
            if number in inner:
                waiting.append((inner[number], value))
    return names


def _location(reader: WireReader, message: Span) -> set[bytes]:
    """Return the value of an entry if its key says that it is a file's name."""
    fields = {
        number: reader.content[value[0] : value[1]]
        for number, value in reader.fields(message)
        if not isinstance(value, int) and value[1] - value[0] <= MAX_NAMES
    }
    is_location = fields.get(KEY) == LOCATION and VALUE in fields
    return {fields[VALUE]} if is_location else set()
