"""Requests without JSON: the bytes of a model's only input.

https://github.com/triton-inference-server/server, extension_binary_data: "raw binary
request". All outputs are answered as binary tensors.
"""

from collections.abc import Sequence

import numpy as np

from deployments.serving.oip import binary
from deployments.serving.oip.datatypes import NUMPY, Array
from deployments.serving.oip.decode import InferRequest
from deployments.serving.oip.errors import BadRequest
from deployments.serving.terms import Tensor

UNCLEAR = "Inference-Header-Content-Length must be the length of the JSON in the body."


def infer_request(content: memoryview, inputs: Sequence[Tensor]) -> InferRequest:
    """Return the request that the bytes are. Raises BadRequest."""
    if len(inputs) != 1 or inputs[0].is_sequence or inputs[0].has_any_rank:
        raise BadRequest("Without JSON there must be one input, a tensor of one rank.")
    return InferRequest({inputs[0].name: _only(content, inputs[0])}, [], is_binary=True)


def _only(content: memoryview, expected: Tensor) -> Array:
    """Return an array of the shape that the number of bytes leaves open."""
    if expected.datatype == "BYTES":
        return _one_text(content, expected)
    unknown = [size for size in expected.shape if size == -1]
    fixed = [size for size in expected.shape if size != -1]
    row = int(np.prod(fixed)) * np.dtype(NUMPY[expected.datatype]).itemsize
    if len(unknown) > 1 or (unknown and not row):
        raise BadRequest(
            f"The bytes leave the shape of {expected.name!r} open, which is "
            f"{list(expected.shape)}; send it in JSON before them."
        )
    rows = len(content) // row if unknown else 1
    if len(content) != rows * row:
        raise BadRequest(
            f"{expected.name!r} of the shape {list(expected.shape)} has "
            f"{'a multiple of ' if unknown else ''}{row} bytes as "
            f"{expected.datatype}; the body has {len(content)}."
        )
    shape = [rows if size == -1 else size for size in expected.shape]
    return binary.read(content, shape, expected.datatype, expected.name)


def _one_text(content: memoryview, expected: Tensor) -> Array:
    """Return the whole body as the only value; it has no length before it."""
    if any(size not in (-1, 1) for size in expected.shape):
        raise BadRequest(f"{expected.name!r} has several values; send them as JSON.")
    try:
        text = str(content, "utf-8")
    except UnicodeDecodeError:
        raise BadRequest(f"The data of {expected.name!r} must be UTF-8.") from None
    return np.array([text], dtype=np.object_).reshape([1] * len(expected.shape))
