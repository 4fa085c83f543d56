"""Looks through an ONNX file, without running it, for what must not be served."""

from collections.abc import Iterator

import onnx
from google.protobuf.message import DecodeError

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
    for graph in _graphs(model):
        for tensor in _tensors(graph):
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                raise Refused(_external(tensor))
    local = {function.domain for function in model.functions}
    for opset in model.opset_import:
        if opset.domain not in DOMAINS | local:
            raise Refused(
                f"The model needs custom operators ({opset.domain!r}), which are not "
                "loaded here."
            )


def _external(tensor: onnx.TensorProto) -> str:
    where = {entry.key: entry.value for entry in tensor.external_data}
    return (
        f"The model keeps the weights {tensor.name!r} in another file "
        f"({where.get('location', '')!r}); export it as one file."
    )


def _graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """Yield all graphs, those inside nodes and functions included."""
    nodes = [node for function in model.functions for node in function.node]
    waiting = [model.graph, *_inner(nodes)]
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting.extend(_inner(graph.node))


def _inner(nodes: "list[onnx.NodeProto]") -> Iterator[onnx.GraphProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
