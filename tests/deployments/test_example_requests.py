"""The request that a page begins with is one that the model's server takes."""

import orjson
import pytest

from deployments.serving.oip import convenience, decode
from deployments.serving.oip.examples import MOST_VALUES, example_request, unfilled
from deployments.serving.terms import Signature, Tensor

NAMES = ("age", "income", "height", "weight")
WIDE = Tensor("X", "FP32", (-1, 4))


def example(*inputs, names=()):
    return example_request(Signature(inputs, (), names), "a model")


def test_a_model_of_named_columns_is_asked_by_their_names():
    path, body = example(WIDE, names=NAMES)

    assert path == ""
    assert body == {"instances": [dict.fromkeys(NAMES, 0.0)]}
    assert convenience.feeds(body, [WIDE], NAMES)["X"].shape == (1, 4)


def test_a_model_with_an_input_for_each_column_is_asked_by_record():
    columns = [
        Tensor("city", "BYTES", (-1, 1)),
        Tensor("rooms", "INT64", (-1, 1)),
        Tensor("new", "BOOL", (-1, 1)),
    ]

    path, body = example(*columns)

    assert (path, body["instances"]) == (
        "",
        [{"city": "text", "rooms": 0, "new": False}],
    )
    assert set(convenience.feeds(body, columns, ())) == {"city", "rooms", "new"}


TENSORS = [
    Tensor("X", "FP32", (-1, 4)),
    Tensor("image", "UINT8", (-1, 3, 8, 8)),
    Tensor("text", "BYTES", (2, 2)),
    Tensor("one", "INT64", ()),
    Tensor("any", "FP64", (), has_any_rank=True),
    Tensor("seq", "FP16", (-1, 2), is_sequence=True),
    Tensor("flags", "BOOL", (3, 1)),
    Tensor("half", "BF16", (1, 2)),
]


@pytest.mark.parametrize("tensor", TENSORS, ids=lambda one: one.name)
def test_what_is_no_table_is_asked_with_tensors_that_are_taken(tensor):
    path, body = example(tensor)

    assert path == "/v2/models/a%20model/infer"
    found = decode.infer_request(orjson.loads(orjson.dumps(body)), [tensor], [])
    assert list(found.feeds) == [tensor.name]


def test_what_may_be_left_out_is():
    spare = Tensor("weights", "FP32", (-1, 2), has_default=True)
    other = Tensor("mask", "FP32", (-1, 2), is_optional=True)

    _, body = example(WIDE, spare, other)

    assert [one["name"] for one in body["inputs"]] == ["X"]


def test_a_large_tensor_is_not_written_out():
    _, body = example(Tensor("image", "FP32", (-1, 3, 224, 224)))

    assert MOST_VALUES < 3 * 224 * 224
    assert body["inputs"][0]["data"] == []


def test_a_model_without_inputs_is_asked_with_nothing():
    assert example() == ("", {})


def test_what_is_too_large_to_be_written_out_is_named():
    wide = Tensor("pixels", "FP32", (-1, 3, 224, 224))

    _path, body = example(wide, Tensor("size", "INT64", (2, 2)))

    assert unfilled(body) == [("pixels", 3 * 224 * 224)]
    assert unfilled(example(WIDE, names=NAMES)[1]) == []
