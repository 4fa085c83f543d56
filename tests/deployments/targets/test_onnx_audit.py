"""What an ONNX file may not hold is found wherever it stands."""

import onnx
import pytest

from deployments.serving.formats.onnx_audit import audit
from deployments.serving.terms import TargetRefused
from tests.deployments.targets import hostile, models

PLACES = list(hostile.places())
SIZE = 8


def test_there_are_as_many_places_as_the_format_has():
    names = {hostile.name_of(place) for place in PLACES}

    assert len(names) > 100
    assert {
        "graph.initializer",
        "functions.node.attribute.t",
        "functions.attribute_proto.sparse_tensor.values",
        "training_info.algorithm.node.attribute.tensors",
        "graph.node.attribute.graphs.node.attribute.t",
    } <= names


@pytest.mark.parametrize("place", PLACES, ids=hostile.name_of)
@pytest.mark.parametrize("is_declared", [True, False])
def test_a_tensor_in_another_file_is_refused_in_every_place(place, is_declared):
    model, tensor = hostile.model_with(place)
    hostile.make_external(tensor, "etc/passwd", SIZE)
    if not is_declared:
        tensor.ClearField("data_location")

    with pytest.raises(TargetRefused, match="etc/passwd"):
        audit(model.SerializeToString())


@pytest.mark.parametrize("kind", hostile.messages())
def test_a_field_that_is_not_known_is_refused_in_every_message(kind):
    model, message = hostile.model_with(hostile.messages()[kind])
    message.MergeFromString(b"\xca\x3e\x01x")  # field 1001, one byte

    with pytest.raises(TargetRefused, match=r"number 1001\) that is not known here"):
        audit(model.SerializeToString())


def test_a_place_for_tensors_that_is_not_known_is_refused():
    model, tensor = hostile.model_with(hostile.messages()["onnx.TensorProto"])
    tensor.MergeFromString(b"\x70\x07")  # data_location 7

    with pytest.raises(TargetRefused, match="not known here"):
        audit(model.SerializeToString())


@pytest.mark.parametrize("name", hostile.carriers("etc/passwd", SIZE))
def test_models_that_run_and_read_a_file_are_refused(name):
    with pytest.raises(TargetRefused, match="etc/passwd"):
        audit(hostile.carriers("etc/passwd", SIZE)[name])


def test_operators_of_a_functions_own_are_refused():
    model = onnx.load_from_string(models.onnx_bytes())
    function = model.functions.add(name="f", domain="local")
    function.opset_import.add(domain="com.evil", version=1)

    with pytest.raises(TargetRefused, match="custom operators"):
        audit(model.SerializeToString())


@pytest.mark.parametrize(
    "content", [models.onnx_bytes(), models.onnx_bytes(zipmap=True)]
)
def test_a_model_of_a_converter_passes(content):
    audit(content)
