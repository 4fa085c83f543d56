"""ONNX files that ask for another file, wherever a tensor can stand in one."""

from collections.abc import Iterator

import onnx
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from onnx import TensorProto, helper

Place = tuple[FieldDescriptor, ...]
TWICE = 2
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]


def places(
    message: Descriptor = onnx.ModelProto.DESCRIPTOR,
    kinds: tuple[str, ...] = (),
    above: Place = (),
) -> Iterator[Place]:
    """Yield all ways to a TensorProto that pass no kind of message more than twice."""
    for field in message.fields:
        inner = field.message_type
        if inner is None:
            continue
        if inner.full_name == "onnx.TensorProto":
            yield (*above, field)
        elif kinds.count(inner.full_name) < TWICE:
            yield from places(inner, (*kinds, inner.full_name), (*above, field))


def name_of(place: Place) -> str:
    return ".".join(field.name for field in place)


def messages() -> dict[str, Place]:
    """Return one way to each kind of message that a model can hold."""
    found: dict[str, Place] = {}
    waiting: list[tuple[Descriptor, Place]] = [(onnx.ModelProto.DESCRIPTOR, ())]
    while waiting:
        kind, way = waiting.pop(0)
        if kind.full_name not in found:
            found[kind.full_name] = way
            waiting += [
                (field.message_type, (*way, field))
                for field in kind.fields
                if field.message_type is not None
            ]
    return found


def model_with(place: Place) -> tuple[onnx.ModelProto, Message]:
    """Return a model that has a message at the place, and that message, empty."""
    model = onnx.ModelProto(ir_version=9, opset_import=OPSETS[:1])
    message: Message = model
    for field in place:
        inner = getattr(message, field.name)
        message = inner.add() if field.is_repeated else inner
        message.SetInParent()
    return model, message


def make_external(tensor: TensorProto, location: str, size: int) -> TensorProto:
    tensor.name, tensor.data_type = "stolen", TensorProto.UINT8
    tensor.dims[:] = [size]
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in (("location", location), ("offset", "0"), ("length", str(size))):
        tensor.external_data.add(key=key, value=value)
    return tensor


def stolen(location: str, size: int) -> TensorProto:
    return make_external(TensorProto(), location, size)


def carriers(location: str, size: int) -> dict[str, bytes]:
    """Return models that run, and would answer the file's bytes as `y`."""
    tensor = stolen(location, size)
    constant = helper.make_node("Constant", [], ["y"], value=tensor)
    sparse = _sparse(tensor, size)
    spread = helper.make_node("Constant", [], ["stolen"], sparse_value=sparse)
    call = helper.make_node("Steal", [], ["y"], domain="local")
    referring = helper.make_node("Constant", [], ["y"])
    referring.attribute.add(
        name="value", ref_attr_name="what", type=onnx.AttributeProto.TENSOR
    )
    default = helper.make_attribute("what", tensor)
    return {
        "initializer": _model([_copy("stolen")], size, initializer=[tensor]),
        "constant": _model([constant], size),
        "branch": _model(_branching(constant, size), size),
        "function": _model([call], size, functions=[_function([constant])]),
        "function default": _model(
            [call], size, functions=[_function([referring], default)]
        ),
        "sparse constant": _model([spread, _copy("stolen")], size),
        "sparse initializer": _model(
            [_copy("stolen")], size, sparse_initializer=[sparse]
        ),
    }


def _copy(name: str) -> onnx.NodeProto:
    return helper.make_node("Identity", [name], ["y"])


def _sparse(tensor: TensorProto, size: int) -> onnx.SparseTensorProto:
    indices = helper.make_tensor("", TensorProto.INT64, [size], range(size))
    return onnx.SparseTensorProto(values=tensor, indices=indices, dims=[size])


def _branching(constant: onnx.NodeProto, size: int) -> list[onnx.NodeProto]:
    answer = helper.make_tensor_value_info("y", TensorProto.UINT8, [size])
    branch = helper.make_graph([constant], "branch", [], [answer])
    yes = helper.make_tensor("", TensorProto.BOOL, [], [True])
    return [
        helper.make_node("Constant", [], ["yes"], value=yes),
        helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch),
    ]


def _function(
    nodes: list[onnx.NodeProto], default: onnx.AttributeProto | None = None
) -> onnx.FunctionProto:
    return helper.make_function(
        "local",
        "Steal",
        [],
        ["y"],
        nodes,
        OPSETS[:1],
        attribute_protos=[] if default is None else [default],
    )


def _model(nodes, size, *, functions=(), **graph) -> bytes:
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    answer = helper.make_tensor_value_info("y", TensorProto.UINT8, [size])
    made = helper.make_graph(nodes, "hostile", [given], [answer], **graph)
    opsets = OPSETS if functions else OPSETS[:1]
    return helper.make_model(
        made, opset_imports=opsets, functions=list(functions), ir_version=9
    ).SerializeToString()
