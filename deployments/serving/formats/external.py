"""Weights of an ONNX file that lie in other files, in memory that instances share.

A file may keep a tensor in another one only where that was registered with it, and the
bytes that it names must be there. onnxruntime opens no file: large weights are given to
it as they lie in the mapped files, small ones are written into the model first.

Weights in shared pages are not packed by onnxruntime (`session.disable_prepacking`):
what it packs is a copy for each process. It then adds products in another order, so
that answers may differ in their last digits from those of a session that packs.
"""

import contextlib
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import onnx
import onnxruntime as ort
from google.protobuf.message import Message
from onnx import TensorProto

from deployments.serving.formats.base import Array
from deployments.serving.formats.onnx import PROVIDERS, RAISED
from deployments.serving.terms import TargetRefused

SHARED_FROM = 32 << 20
"""Bytes in other files from which on they are shared; fewer are copied and packed."""
LARGE_FROM = 64 << 10
"""Bytes of a tensor that is left where it is; shapes and the like are smaller."""
KEYS = frozenset({"location", "offset", "length", "checksum"})
NUMBER = re.compile(r"[0-9]{1,18}")
LARGEST_MODEL = (1 << 31) - 1
"""Bytes of a protocol buffer."""
NOWHERE = "status"
"""A file in /proc/self, which has no length: onnxruntime can read no weight from it."""

_BITS: dict[int, int] = {
    **dict.fromkeys((TensorProto.FLOAT, TensorProto.INT32, TensorProto.UINT32), 32),
    **dict.fromkeys((TensorProto.DOUBLE, TensorProto.INT64, TensorProto.UINT64), 64),
    **dict.fromkeys((TensorProto.FLOAT16, TensorProto.BFLOAT16), 16),
    **dict.fromkeys((TensorProto.INT16, TensorProto.UINT16), 16),
    **dict.fromkeys((TensorProto.INT8, TensorProto.UINT8, TensorProto.BOOL), 8),
    **dict.fromkeys((TensorProto.FLOAT8E4M3FN, TensorProto.FLOAT8E4M3FNUZ), 8),
    **dict.fromkeys((TensorProto.FLOAT8E5M2, TensorProto.FLOAT8E5M2FNUZ), 8),
    TensorProto.FLOAT8E8M0: 8,
    **dict.fromkeys((TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT4E2M1), 4),
    **dict.fromkeys((TensorProto.INT2, TensorProto.UINT2), 2),
    TensorProto.COMPLEX64: 64,
    TensorProto.COMPLEX128: 128,
}
_AS_THEY_LIE: dict[int, type[np.generic]] = {
    TensorProto.FLOAT: np.float32,
    TensorProto.DOUBLE: np.float64,
    TensorProto.FLOAT16: np.float16,
    TensorProto.INT8: np.int8,
    TensorProto.UINT8: np.uint8,
    TensorProto.INT16: np.int16,
    TensorProto.UINT16: np.uint16,
    TensorProto.INT32: np.int32,
    TensorProto.UINT32: np.uint32,
    TensorProto.INT64: np.int64,
    TensorProto.UINT64: np.uint64,
    TensorProto.BFLOAT16: np.uint16,
}
"""Types of weights that onnxruntime takes as they lie, as numpy has their bits."""


@dataclass(frozen=True, slots=True)
class Span:
    """Byte range of a tensor in an external file."""

    location: str
    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


def is_external(tensor: TensorProto) -> bool:
    return tensor.data_location != TensorProto.DEFAULT or len(tensor.external_data) > 0


def span_of(tensor: TensorProto, sizes: Mapping[str, int]) -> Span:
    """Return where an external tensor lies in the files, given by name and size.

    Raises TargetRefused for a file that is not among them, whatever its name leads to,
    and for bytes that it does not have.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if location not in sizes:
        raise TargetRefused(_not_here(tensor.name, location))
    reason = ""
    if tensor.data_location != TensorProto.EXTERNAL or tensor.HasField("raw_data"):
        reason = "says that they are within it, too"
    elif len(entries) != len(tensor.external_data) or not entries.keys() <= KEYS:
        reason = "says what is not known here of where they lie"
    elif not all(
        NUMBER.fullmatch(entries.get(key, "0")) for key in ("offset", "length")
    ):
        reason = "gives a place there that is no number"
    if reason:
        raise TargetRefused(
            f"The model keeps the weights {tensor.name!r} in another file "
            f"({location!r}), but {reason}; export it again."
        )
    start = int(entries.get("offset", "0"))
    size = _size_of(tensor)
    if int(entries.get("length", size)) != size or start + size > sizes[location]:
        raise TargetRefused(
            f"The weights {tensor.name!r} take {size} bytes; the model says that they "
            f"are {entries.get('length', size)} from byte {start} of {location!r}, "
            f"which has {sizes[location]}. Upload the files that were saved together."
        )
    return Span(location, start, start + size)


def _size_of(tensor: TensorProto) -> int:
    """Return how many bytes the tensor's values take. Raises TargetRefused."""
    bits = _BITS.get(tensor.data_type)
    if bits is None or any(size < 0 for size in tensor.dims):
        raise TargetRefused(
            f"The model keeps {tensor.name!r} in another file, where values of its "
            "type and shape cannot be."
        )
    count: int = math.prod(tensor.dims)
    return -(-count * bits // 8)


def _not_here(name: str, location: str) -> str:
    path = PurePosixPath(location)
    if not location or path.is_absolute() or ".." in path.parts:
        what = (
            "whose path does not stay in the model's folder. Save the model again with "
            "its data beside it, or export it as one file."
        )
    else:
        what = (
            "which was not uploaded with it. Upload that file under this name into the "
            "folder of the .onnx file, or export the model as one file."
        )
    return (
        f"The model keeps the weights {name!r} in another file ({location!r}), {what}"
    )


class ExternalWeights:
    """The files of one model, by the names that it has for them, mapped into memory.

    Lives as long as a session that was made of it.
    """

    def __init__(self, files: Mapping[str, memoryview]) -> None:
        self._files = files
        self._sizes = {name: len(content) for name, content in files.items()}
        self._shared: dict[str, ort.OrtValue] = {}
        self._copied: dict[str, ort.OrtValue] = {}

    @property
    def is_shared(self) -> bool:
        """Whether a session uses weights as they lie in the files."""
        return bool(self._shared)

    def session(
        self, content: bytes, options: ort.SessionOptions
    ) -> ort.InferenceSession:
        """Return a session of the model.

        Raises TargetRefused, or what onnxruntime raises.
        """
        model = onnx.load_from_string(content)
        _drop_unused(model.graph)
        large = self._take_large(model)
        self._write_in(model)
        for place, span in large.items():
            _leave_out(model.graph.initializer[place], span)
        content = model.SerializeToString()
        del model
        return self._of(content, options)

    def _of(self, content: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
        """Return a session that copies no shared weight, or only while it is made.

        Some optimizations look at weights: they find none at first, and the session is
        made again with copies for them.
        """
        if self._shared:
            options.add_session_config_entry("session.disable_prepacking", "1")
        for name, value in self._shared.items():
            options.add_initializer(name, value)
        if self._copied:
            options.add_external_initializers(*_columns(self._copied))
        try:
            with _in_own_folder():
                return ort.InferenceSession(content, options, PROVIDERS)
        except RAISED:
            if not self._shared:
                raise
        options.add_external_initializers(*_columns(self._shared))
        return ort.InferenceSession(content, options, PROVIDERS)

    def _take_large(self, model: onnx.ModelProto) -> dict[int, Span]:
        """Take the initializers that stay where they are out of a model.

        Returns where they lie, by their place; they are kept under their names.
        """
        if sum(self._sizes.values()) < SHARED_FROM:
            return {}
        graph, taken = model.graph, dict[int, Span]()
        names = Counter(tensor.name for tensor in graph.initializer)
        given = {each.name for each in graph.input}
        for place, tensor in enumerate(graph.initializer):
            if not is_external(tensor) or tensor.data_type not in _AS_THEY_LIE:
                continue
            span = span_of(tensor, self._sizes)
            if span.size < LARGE_FROM or names[tensor.name] > 1 or not tensor.name:
                continue
            # A value that a request may replace is no constant.
            is_constant = tensor.name not in given
            self._keep(tensor, span, is_constant=is_constant)
            taken[place] = span
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
        return taken

    def _keep(self, tensor: TensorProto, span: Span, *, is_constant: bool) -> None:
        dtype = np.dtype(_AS_THEY_LIE[tensor.data_type])
        content = np.frombuffer(self._bytes(span), np.uint8)
        is_aligned = content.ctypes.data % dtype.itemsize == 0
        array = (content if is_aligned else content.copy()).view(dtype)
        value = _value(array.reshape(tuple(tensor.dims)), tensor.data_type)
        kept = self._shared if is_aligned and is_constant else self._copied
        kept[tensor.name] = value

    def _write_in(self, model: onnx.ModelProto) -> None:
        """Write all tensors that lie elsewhere into the model. Raises TargetRefused."""
        left = LARGEST_MODEL - model.ByteSize()
        for message in messages(model):
            if isinstance(message, TensorProto) and is_external(message):
                span = span_of(message, self._sizes)
                left -= span.size
                if left < 0:
                    raise TargetRefused(
                        "The model has more than 2 GiB of weights where they cannot "
                        "be left in other files: of types without a whole number of "
                        "bytes, or within nodes, functions and branches."
                    )
                message.ClearField("external_data")
                message.ClearField("data_location")
                message.raw_data = bytes(self._bytes(span))

    def _bytes(self, span: Span) -> memoryview:
        return self._files[span.location][span.start : span.end]


def messages(model: Message) -> Iterator[Message]:
    """Yield the message and all that it holds, at whatever depth."""
    waiting = [model]
    while waiting:
        message = waiting.pop()
        yield message
        for field, value in message.ListFields():
            if field.type == field.TYPE_MESSAGE:
                waiting.extend(value if field.is_repeated else [value])


@contextlib.contextmanager
def _in_own_folder() -> Iterator[None]:
    """Change to /proc/self and back; the sandbox may refuse the way back."""
    before = os.getcwd()  # noqa: PTH109 - only its name: it may be closed
    with contextlib.suppress(OSError):
        os.chdir("/proc/self")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.chdir(before)


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Drop initializers that nothing uses, for which onnxruntime takes no value."""
    used = {each.name for each in graph.output}
    for message in messages(graph):
        if isinstance(message, onnx.NodeProto):
            used.update(message.input)
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    if len(kept) < len(graph.initializer):
        kept = [onnx.TensorProto.FromString(one.SerializeToString()) for one in kept]
        del graph.initializer[:]
        graph.initializer.extend(kept)


def _leave_out(tensor: TensorProto, span: Span) -> None:
    """Mark a tensor as external with no file: its value is passed to the session."""
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", NOWHERE), ("offset", 0), ("length", span.size)):
        tensor.external_data.add(key=key, value=str(value))


def _value(array: Array, data_type: int) -> ort.OrtValue:
    """Return a value on top of an array, without copying it."""
    if data_type == TensorProto.BFLOAT16:
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(array, data_type)
    return ort.OrtValue.ortvalue_from_numpy(array)


def _columns(
    values: Mapping[str, ort.OrtValue],
) -> tuple[list[str], list[ort.OrtValue]]:
    return [*values], [*values.values()]
