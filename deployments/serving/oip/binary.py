"""Tensors as bytes: the protocol's extension for binary data.

Little-endian, row-major, without padding; a text is its length in four bytes and
its UTF-8. https://github.com/triton-inference-server/server, extension_binary_data.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deployments.serving.oip.datatypes import NUMPY, Array
from deployments.serving.oip.errors import BadRequest, ModelFailed

SIZE = "binary_data_size"
_LENGTH = struct.Struct("<I")


@dataclass(slots=True)
class Tail:
    """Binary data after the JSON of a request: the tensors in order."""

    content: memoryview
    at: int = 0

    def take(self, size: Any, name: str) -> memoryview:
        """Return the next `size` bytes. Raises BadRequest."""
        if type(size) is not int or size < 0:
            raise BadRequest(f"{SIZE} of {name!r} must be a whole number of bytes.")
        if size > len(self.content) - self.at:
            raise BadRequest(
                f"{SIZE} of {name!r} is {size}; the body has "
                f"{len(self.content) - self.at} bytes left for it."
            )
        self.at += size
        return self.content[self.at - size : self.at]

    def require_end(self) -> None:
        if left := len(self.content) - self.at:
            raise BadRequest(f"The body has {left} bytes more than its tensors name.")


def read(raw: memoryview, shape: Sequence[int], datatype: str, name: str) -> Array:
    """Return an array over the bytes themselves, if it may be written to.

    Raises BadRequest.
    """
    count = math.prod(shape)
    if datatype == "BYTES":
        array = np.empty(count, dtype=np.object_)
        array[:] = list(_texts(raw, count, name))
        return array.reshape(shape)
    dtype = np.dtype(NUMPY[datatype])
    if len(raw) != count * dtype.itemsize:
        raise BadRequest(
            f"{name!r} of the shape {list(shape)} has {count * dtype.itemsize} bytes "
            f"as {datatype}; {SIZE} is {len(raw)}."
        )
    if datatype == "BOOL" and max(raw, default=0) > 1:
        raise BadRequest(f"The data of {name!r} must be bytes of 0 or 1.")
    array = np.frombuffer(raw, np.uint8).view(dtype).reshape(shape)
    # Some libraries write to what they get, or cannot read what is not aligned.
    return array if array.flags.behaved else np.array(array)


def of_numbers(array: Array) -> memoryview:
    """Return the bytes of an array, without a copy where they lie in order."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def of_texts(texts: Sequence[str | None], name: str) -> bytes:
    """Return texts, each after its length.

    Raises BadRequest for a missing one, which this form cannot tell, and
    ModelFailed for what is not Unicode.
    """
    pieces: list[bytes] = []
    try:
        for text in texts:
            if text is None:
                raise BadRequest(
                    f"The output {name!r} has a value that is missing, which has no "
                    "binary form: ask for it as JSON."
                )
            content = text.encode()
            pieces += (_LENGTH.pack(len(content)), content)
    except UnicodeEncodeError:
        raise ModelFailed(f"The output {name!r} has text that is no Unicode.") from None
    return b"".join(pieces)


def _texts(raw: memoryview, count: int, name: str) -> Iterator[str]:
    at = 0
    try:
        for _ in range(count):
            (size,) = _LENGTH.unpack_from(raw, at)
            at += _LENGTH.size + size
            if at > len(raw):
                break
            yield str(raw[at - size : at], "utf-8")
    except struct.error:
        at = -1
    except UnicodeDecodeError:
        raise BadRequest(f"The data of {name!r} must be UTF-8.") from None
    if at != len(raw):
        raise BadRequest(
            f"The data of {name!r} must be {count} texts, each after its length in "
            "four bytes."
        )
