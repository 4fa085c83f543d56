"""Reads from an ONNX file which other files it keeps tensors in, and nothing else.

Only headers of messages are looked at; weights are passed over unread. The file is not
believed: what a name leads to is decided by who asks, and a model process refuses any
name that is not in the list it was given. Numbers of fields are those of onnx.proto:
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

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
_VARINT, _EIGHT_BYTES, _PIECE, _FOUR_BYTES = 0, 1, 2, 5
_MOST_OF_A_MODEL = 25
MAX_FIELDS = 2_000_000
"""A file with more is not read to its end: it takes too long for a request."""
MAX_NAMES = 10_000

Found = tuple[int, int, int]  # a field's number, and where its bytes begin and end


class _NotOnnx(Exception):
    """The bytes are no such message, or hold too many fields."""


def locations(path: Path) -> tuple[str, ...]:
    """Return the names of the files that an ONNX file keeps tensors in, sorted.

    Only names of paths within the file's own folder. Nothing for what is no ONNX file,
    is damaged or has more than MAX_FIELDS fields. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not os.fstat(descriptor).st_size:
            return ()
        with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as content:
            # Most models name no file; trees have millions of fields.
            return _locations(content) if content.find(LOCATION) >= 0 else ()
    finally:
        os.close(descriptor)


def is_inside(name: str) -> bool:
    """Whether a name is a plain path that stays in its folder."""
    path = PurePosixPath(name)
    return bool(name) and path.as_posix() == name and not _leads_out(path)


def _leads_out(path: PurePosixPath) -> bool:
    return path.is_absolute() or ".." in path.parts or path.as_posix() == "."


def _locations(content: mmap.mmap) -> tuple[str, ...]:
    try:
        found = {str(each, "utf-8") for each in _OnnxReader(content).names()}
    except (_NotOnnx, UnicodeDecodeError):
        return ()
    return tuple(sorted(filter(is_inside, found)))


class _OnnxReader:
    """Walks through one file; `left` is how many fields it may still look at."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content, self._left = content, MAX_FIELDS

    def names(self) -> set[bytes]:
        """Return all that tensors say to be kept in. Raises _NotOnnx."""
        names: set[bytes] = set()
        waiting = [(MODEL, 0, len(self._content))]
        while waiting:
            kind, start, end = waiting.pop()
            if kind == ENTRY:
                names |= self._location(start, end)
                if len(names) > MAX_NAMES:
                    raise _NotOnnx
                continue
            inner = WAYS[kind]
            for number, begins, ends in self._pieces(start, end):
                if kind == MODEL and number > _MOST_OF_A_MODEL:
                    raise _NotOnnx
                if number in inner:
                    waiting.append((inner[number], begins, ends))
        return names

    def _location(self, start: int, end: int) -> set[bytes]:
        """Return the value of an entry if its key says that it is a file's name."""
        fields = {
            number: self._content[begins:ends]
            for number, begins, ends in self._pieces(start, end)
            if ends - begins <= MAX_NAMES
        }
        return (
            {fields[VALUE]}
            if fields.get(KEY) == LOCATION and VALUE in fields
            else set()
        )

    def _pieces(self, at: int, end: int) -> Iterator[Found]:
        """Yield the fields of a message that have a length."""
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise _NotOnnx
            key, at = self._varint(at, end)
            number, form = key >> 3, key & 7
            if form == _VARINT:
                _, at = self._varint(at, end)
            elif form == _PIECE:
                size, at = self._varint(at, end)
                yield number, at, at + size
                at += size
            elif form in (_EIGHT_BYTES, _FOUR_BYTES):
                at += 8 if form == _EIGHT_BYTES else 4
            else:
                raise _NotOnnx
            if number == 0 or at > end:
                raise _NotOnnx

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if at >= end:
                raise _NotOnnx
            byte = self._content[at]
            value |= (byte & 0x7F) << shift
            at += 1
            if byte < 0x80:  # noqa: PLR2004 - the last byte has no high bit
                return value, at
        raise _NotOnnx
