"""Which files an ONNX file names is read without onnx, and bounded."""

import onnx
import pytest

from lifecycle import onnxfile
from tests.deployments.targets import hostile, models


@pytest.fixture
def names(tmp_path):
    def look(content):
        path = tmp_path / "model"
        path.write_bytes(content)
        return onnxfile.locations(path)

    return look


def test_a_name_is_found_in_every_place_where_a_tensor_can_stand(names):
    for place in hostile.places():
        model, tensor = hostile.model_with(place)
        hostile.make_external(tensor, "deep/weights.bin", 8)

        found = names(model.SerializeToString())

        assert found == ("deep/weights.bin",), hostile.name_of(place)


def test_the_table_has_all_ways_that_the_format_has():
    kinds = [(onnx.ModelProto.DESCRIPTOR, {})]
    ways, leads = {}, {onnxfile.TENSOR}
    while kinds:
        kind, _ = kinds.pop()
        if kind.name in ways:
            continue
        ways[kind.name] = {
            field.number: field.message_type.name
            for field in kind.fields
            if field.message_type is not None
        }
        kinds += [
            (field.message_type, {}) for field in kind.fields if field.message_type
        ]
    while (
        more := {name for name, inner in ways.items() if leads & set(inner.values())}
        - leads
    ):
        leads |= more

    assert set(onnxfile.WAYS) == leads
    for name in leads - {onnxfile.TENSOR}:
        wanted = {number: to for number, to in ways[name].items() if to in leads}
        assert onnxfile.WAYS[name] == wanted


@pytest.mark.parametrize(
    "location",
    ["../a", "/a", "", ".", "./a", "a/../b", "a//b", "a/", "..", "\u0661/../.."],
)
def test_a_name_that_leads_out_is_left_out(names, location):
    model, tensor = hostile.model_with(hostile.messages()["onnx.TensorProto"])
    hostile.make_external(tensor, location, 8)

    assert names(model.SerializeToString()) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"location",
        b"\x80\x05location",
        b"{location",
        models.onnx_bytes(),
        models.onnx_bytes()[:-1] + b"location",
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01location",
    ],
)
def test_what_names_no_file_or_is_damaged_has_none(names, content):
    assert names(content) == ()


def test_a_file_of_too_many_fields_is_not_read_to_its_end(names, monkeypatch):
    model, tensor = hostile.model_with(hostile.messages()["onnx.TensorProto"])
    hostile.make_external(tensor, "weights.bin", 8)
    monkeypatch.setattr(onnxfile, "MAX_FIELDS", 5)

    assert names(model.SerializeToString()) == ()


def test_a_link_is_not_followed(tmp_path):
    tmp_path.joinpath("link").symlink_to(tmp_path / "model")

    with pytest.raises(OSError, match="link"):
        onnxfile.locations(tmp_path / "link")
