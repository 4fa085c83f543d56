"""Values keep what they are, from JSON to the model and back."""

import json
import time

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from deployments.serving.formats import LoadOptions, answers, load
from deployments.serving.formats.answers import named
from deployments.serving.oip import encode
from deployments.serving.oip.errors import BadRequest, ModelFailed
from deployments.serving.oip.values import fit
from deployments.serving.terms import Tensor
from tests.deployments.targets import models
from tests.deployments.targets.test_protocol import Client, identity

INFER = "/v2/models/iris/infer"
LARGE = (1 << 53) + 1
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def fitted(data, target, declared=None):
    array = fit(data, [len(data)], Tensor("x", target, (-1,)), declared)
    return array.dtype, array.tolist()


@pytest.mark.parametrize(
    ("data", "target", "want"),
    [
        ([LARGE, 1.0], "INT64", [LARGE, 1]),
        ([1.0, -(1 << 63)], "INT64", [1, -(1 << 63)]),
        ([(1 << 64) - 1, 2.0], "UINT64", [(1 << 64) - 1, 2]),
        ([1e3, 0], "INT16", [1000, 0]),
        ([1, 0.0], "BOOL", [True, False]),
        ([True, False, 0, 1], "BOOL", [True, False, False, True]),
        (["NaN", "Infinity", "-Infinity", None, 1], "FP32", None),
    ],
)
def test_numbers_keep_their_digits(data, target, want):
    _, found = fitted(data, target)

    if want is None:
        np.testing.assert_array_equal(found, [np.nan, np.inf, -np.inf, np.nan, 1])
    else:
        assert found == want


@pytest.mark.parametrize(
    ("data", "target", "declared"),
    [
        ([float(LARGE + 1), 1], "INT64", None),
        ([float(LARGE), 1], "INT64", None),
        ([1.5], "INT64", None),
        ([True, 2], "INT64", None),
        ([True, 0.5], "FP32", None),
        (["NaN"], "INT64", None),
        (["nan"], "FP32", None),
        (["inf"], "FP64", None),
        (["NaN"], "FP32", "BYTES"),
        (["NaN"], "FP32", "INT32"),
        ([None], "INT32", None),
        ([None], "BYTES", None),
        ([1 << 63], "INT64", None),
        ([-1], "UINT64", None),
        ([1e39], "FP32", None),
        ([70000], "FP16", None),
        ([10**400], "FP64", None),
        ([LARGE], "FP64", "INT64"),
        ([(1 << 24) + 1], "FP32", "INT32"),
        ([300], "INT64", "INT8"),
        ([2], "BOOL", None),
        (["a"], "BYTES", "FP32"),
        ([1], "BYTES", None),
        ([[1], 2], "FP32", None),
    ],
)
def test_what_would_change_a_value_is_refused(data, target, declared):
    with pytest.raises(BadRequest):
        fitted(data, target, declared)


@pytest.mark.parametrize("data", [[True, 2], [0, 0.5], [1, "true"], [None], [1, [0]]])
def test_what_is_no_truth_is_told_the_words_that_are(data):
    with pytest.raises(BadRequest, match="must be true, false, 0 or 1"):
        fitted(data, "BOOL")


def test_what_is_not_a_number_comes_and_goes_as_a_word():
    sent = [["NaN", "Infinity"], ["-Infinity", None]]
    body = {
        "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": sent}]
    }
    client = Client(identity("FP32"))

    output = client.post(INFER, body)[1]["outputs"][0]
    plain = client.post("/", {"instances": sent})[1]

    assert output["data"] == ["NaN", "Infinity", "-Infinity", "NaN"]
    assert plain["predictions"] == [["NaN", "Infinity"], ["-Infinity", "NaN"]]


def test_the_words_change_nothing_beside_them():
    array = np.array([[0.1, np.inf]], np.float32)

    body = encode.infer_response({}, [("y", array)], lambda _: False).body

    assert b'"data":[0.1,"Infinity"]' in body


def test_one_long_text_does_not_cost_its_length_for_each_row():
    texts = [*("ab\0" for _ in range(999)), "x" * 1_000_000]
    array = np.array(texts, dtype=object)

    start = time.process_time()
    body = encode.infer_response({}, [("y", array)], lambda _: False).body

    assert json.loads(body)["outputs"][0]["data"] == texts
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    ("answer", "datatype", "data"),
    [
        (["a", None, float("nan"), b"\xff"], "BYTES", ["a", None, None, "/w=="]),
        ([1, None], "FP64", [1.0, None]),
        ([1.5, float("nan"), None], "FP64", [1.5, "NaN", None]),
        ([np.int64(LARGE), 1], "INT64", [LARGE, 1]),
        (np.array([1, 2], ">i4"), "INT32", [1, 2]),
        (np.array(["2026-01-02"], "datetime64[D]"), "BYTES", ["2026-01-02"]),
        (np.array([b"a"]), "BYTES", ["a"]),
    ],
)
def test_what_a_pyfunc_answers_is_answered_truly(answer, datatype, data):
    if isinstance(answer, list):
        kept = np.empty(len(answer), object)
        kept[:] = answer
        answer = kept
    arrays = list(named(answer, ()).items())

    body = json.loads(encode.infer_response({}, arrays, lambda _: False).body)

    (output,) = body["outputs"]
    assert (output["datatype"], output["data"]) == (datatype, data)


@pytest.mark.parametrize(
    "answer", [np.array([1j]), np.array([b"\xff"]), np.array([1], "timedelta64[s]")]
)
def test_what_has_no_word_is_the_models_failure(answer):
    with pytest.raises(ModelFailed):
        named(answer, ())


@pytest.mark.parametrize(
    ("answer", "declared"),
    [(np.array([1 << 40]), "INT32"), (np.array([1e300]), "FP32")],
)
def test_an_answer_that_its_signature_cannot_hold_is_no_other_number(answer, declared):
    with pytest.raises(ModelFailed):
        answers.named(answer, [Tensor("y", declared, (-1,))])


def test_a_text_that_is_missing_has_no_binary_form():
    array = np.array(["a", None], dtype=object)

    with pytest.raises(BadRequest, match="JSON"):
        encode.infer_response({}, [("y", array)], lambda _: True)


def test_half_a_surrogate_is_the_models_failure():
    array = np.array(["\ud800"], dtype=object)

    for is_binary in (True, False):
        with pytest.raises(ModelFailed):
            encode.infer_response({}, [("y", array)], lambda _, form=is_binary: form)


# Shapes -------------------------------------------------------------------------------


def made(nodes, inputs, outputs, initializers=(), ir=10) -> bytes:
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=ir)
    return model.SerializeToString()


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def infer(client, *entries, outputs=None):
    body = {"inputs": list(entries)}
    status, answer = client.post(INFER, body)
    return status, answer.get("outputs", answer)


def tensor(name, shape, data, datatype="FP32"):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


@pytest.mark.parametrize("make", ["onnx", "boosted", "xgboost", "skops"])
def test_an_empty_batch_has_an_empty_answer(make):
    content = {
        "onnx": models.onnx_bytes,
        "boosted": models.boosted_bytes,
        "xgboost": models.xgboost_bytes,
        "skops": models.skops_bytes,
    }[make]()
    client = Client(content)
    name = client.model.inputs[0].name

    status, outputs = infer(client, tensor(name, [0, 4], []))
    plain = client.post("/", {"instances": []})

    assert status == 200, outputs
    assert [each["shape"][0] for each in outputs] == [0] * len(outputs)
    assert (plain[0], plain[1]["predictions"]) == (200, [])


def test_who_needs_rows_for_an_answer_that_is_no_row_fails():
    one = numpy_helper.from_array(np.array([1], np.int64), "one")
    node = helper.make_node("Reshape", ["x", "one"], ["y"])
    client = Client(made([node], [value("x", [None, 1])], [value("y", [1])], [one]))

    status, _ = infer(client, tensor("x", [0, 1], []))

    assert status == 500


def test_a_single_value_is_a_scalar():
    node = helper.make_node("Identity", ["x"], ["y"])
    client = Client(made([node], [value("x", [])], [value("y", [])]))

    assert client.post("/", {"instances": [3.5]})[1]["predictions"] == [3.5]
    assert client.post("/", {"inputs": {"x": 3.5}})[0] == 200
    assert client.post("/", {"instances": [1, 2]})[0] == 400
    assert infer(client, tensor("x", [], [3.5]))[1][0]["data"] == [3.5]


def test_a_model_without_inputs_answers():
    constant = numpy_helper.from_array(np.array([1, 2], np.int64))
    node = helper.make_node("Constant", [], ["y"], value=constant)
    client = Client(made([node], [], [value("y", [2], INT64)]))

    assert client.get("/v2/models/iris")[1]["inputs"] == []
    assert infer(client)[1][0]["data"] == [1, 2]
    assert client.post(INFER, {})[0] == 200
    assert client.post("/", {})[1]["predictions"] == [1, 2]
    assert infer(client, tensor("x", [1], [1]))[0] == 400


def test_a_shape_that_is_not_declared_takes_any_rank():
    node = helper.make_node("Identity", ["x"], ["y"])
    client = Client(made([node], [value("x", None)], [value("y", None)]))

    entry = client.get("/v2/models/iris")[1]["inputs"][0]
    assert entry["parameters"] == {"any_rank": True}
    for data, shape in ((1, []), ([1, 2], [2]), ([[1], [2]], [2, 1])):
        flat = np.ravel(data).tolist()
        assert infer(client, tensor("x", shape, flat))[1][0]["shape"] == shape
        if shape:
            assert client.post("/", {"instances": data})[1]["predictions"] == data


def test_weights_that_may_be_given_have_defaults():
    node = helper.make_node("Add", ["x", "w"], ["y"])
    weights = numpy_helper.from_array(np.array([1, 1], np.float32), "w")
    given = [value("x", [None, 2]), value("w", [2])]
    client = Client(made([node], given, [value("y", [None, 2])], [weights]))
    x, w = tensor("x", [1, 2], [1, 2]), tensor("w", [2], [5, 5])

    entry = client.get("/v2/models/iris")[1]["inputs"][1]
    assert entry["parameters"] == {"optional": True, "default": True}
    assert infer(client, x)[1][0]["data"] == [2.0, 3.0]
    assert infer(client, x, w)[1][0]["data"] == [6.0, 7.0]
    assert client.post("/", {"instances": [[1, 2]]})[1]["predictions"] == [[2.0, 3.0]]


# Sequences and optional values --------------------------------------------------------


def typed(name, kind):
    return helper.make_value_info(name, kind)


TENSORS = helper.make_tensor_type_proto(FLOAT, [None])
SEQUENCE = helper.make_sequence_type_proto(TENSORS)


def echo(kind):
    node = helper.make_node("Identity", ["x"], ["y"])
    return Client(made([node], [typed("x", kind)], [typed("y", kind)]))


def test_a_sequence_travels_as_numbered_tensors():
    client = echo(SEQUENCE)
    entries = [tensor("x[1]", [1], [3]), tensor("x[0]", [2], [1, 2])]

    status, outputs = infer(client, *entries)

    about = client.get("/v2/models/iris")[1]["outputs"]
    assert about == [
        {
            "name": "y",
            "datatype": "FP32",
            "shape": [-1],
            "parameters": {"sequence": True},
        }
    ]
    assert status == 200, outputs
    assert [(each["name"], each["data"]) for each in outputs] == [
        ("y[0]", [1.0, 2.0]),
        ("y[1]", [3.0]),
    ]
    plain = client.post("/", {"inputs": {"x": [[1, 2], [3]]}})[1]
    assert plain["outputs"] == {"y[0]": [1.0, 2.0], "y[1]": [3.0]}


def test_an_empty_sequence_is_an_empty_tensor_of_its_name():
    status, outputs = infer(echo(SEQUENCE), tensor("x", [0], []))

    assert (status, outputs) == (200, [tensor("y", [0], [])])


@pytest.mark.parametrize(
    "entries",
    [
        [tensor("x", [1], [1])],
        [tensor("x[1]", [1], [1])],
        [tensor("x[0]", [1], [1]), tensor("x[2]", [1], [1])],
        [tensor("x[0]", [1], [1]), tensor("x[0]", [1], [1])],
        [tensor("x[0]", [1], [1]), tensor("x", [0], [])],
        [tensor("x[00]", [1], [1])],
        [tensor("x[a]", [1], [1])],
        [tensor("x[0]", [1, 1], [1])],
    ],
)
def test_a_sequence_with_a_gap_or_of_another_name_is_400(entries):
    assert infer(echo(SEQUENCE), *entries)[0] == 400


@pytest.mark.parametrize("kind", [TENSORS, SEQUENCE])
def test_what_is_optional_may_be_left_out_both_ways(kind):
    client = echo(helper.make_optional_type_proto(kind))
    name = "x" if kind is TENSORS else "x[0]"

    assert infer(client, tensor(name, [1], [1]))[1][0]["data"] == [1.0]
    assert client.post(INFER, {"inputs": []})[1]["outputs"] == []


def test_a_type_without_a_word_is_refused_in_a_sentence():
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E4M3FN)
    content = made(
        [node], [value("x", [None])], [value("y", [None], TensorProto.FLOAT8E4M3FN)]
    )

    with pytest.raises(Exception, match="cannot be sent"):
        load(content, LoadOptions())
