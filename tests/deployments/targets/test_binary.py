"""The protocol's binary tensors, both ways, as tritonclient sends and reads them."""

import asyncio
import json
import struct

import numpy as np
import pytest
from ml_dtypes import bfloat16
from onnx import TensorProto, helper

from deployments.serving.oip.datatypes import NUMPY
from tests.deployments.targets.test_protocol import Client, identity

INFER = "/v2/models/iris/infer"
TEXTS = ["a", "é\0"]


def packed(texts) -> bytes:
    contents = [text.encode() for text in texts]
    return b"".join(struct.pack("<I", len(each)) + each for each in contents)


def values(datatype) -> np.ndarray:
    if datatype == "BYTES":
        return np.array([TEXTS], dtype=object)
    limits = {"f": [np.nan, -np.inf], "b": [True, False]}
    kind = "f" if datatype == "BF16" else np.dtype(NUMPY[datatype]).kind
    if kind in limits:
        return np.array([limits[kind]]).astype(NUMPY[datatype])
    ends = np.iinfo(NUMPY[datatype])
    return np.array([[ends.min, ends.max]], dtype=NUMPY[datatype])


def raw_of(array) -> bytes:
    return packed(array.ravel()) if array.dtype == object else array.tobytes()


def entry(name, datatype, shape, size, **parameters):
    parameters = {"binary_data_size": size, **parameters}
    return {
        "name": name,
        "datatype": datatype,
        "shape": list(shape),
        "parameters": parameters,
    }


class Asking:
    """Sends JSON with tensors after it; reads an answer's JSON and its tensors."""

    def __init__(self, content):
        self._server = Client(content).server

    def __call__(self, head, tail=b"", *, json_bytes=None, path=INFER):
        text = head if isinstance(head, bytes) else json.dumps(head).encode()
        length = len(text) if json_bytes is None else json_bytes
        sent = []

        async def receive():
            return {"type": "http.request", "body": text + tail}

        async def send(message):
            sent.append(message)

        headers = [(b"inference-header-content-length", str(length).encode())]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        asyncio.run(self._server(scope, receive, send))
        body, found = sent[1]["body"], dict(sent[0]["headers"])
        end = int(found.get(b"inference-header-content-length", len(body)))
        return sent[0]["status"], json.loads(body[:end]), body[end:]


@pytest.fixture(scope="module")
def echo():
    kept = {}

    def make(datatype):
        if datatype not in kept:
            kept[datatype] = Asking(identity(datatype))
        return kept[datatype]

    return make


@pytest.mark.parametrize("datatype", NUMPY)
def test_every_datatype_comes_back_bit_by_bit(echo, datatype):
    raw = raw_of(values(datatype))
    body = {
        "inputs": [entry("x", datatype, (1, 2), len(raw))],
        "parameters": {"binary_data_output": True},
    }

    status, answer, tail = echo(datatype)(body, raw)

    assert status == 200, answer
    (output,) = answer["outputs"]
    assert (output["datatype"], output["shape"]) == (datatype, [1, 2])
    assert output["parameters"] == {"binary_data_size": len(raw)}
    assert "data" not in output
    assert tail == raw


@pytest.mark.parametrize("datatype", ["FP16", "BF16", "FP32", "FP64"])
def test_what_is_no_number_is_a_word_in_json(echo, datatype):
    raw = raw_of(values(datatype))

    body = {"inputs": [entry("x", datatype, (1, 2), len(raw))]}
    (output,) = echo(datatype)(body, raw)[1]["outputs"]

    assert output["data"] == ["NaN", "-Infinity"]


def test_an_output_says_its_own_form(echo):
    raw = raw_of(values("INT64"))
    body = {
        "inputs": [entry("x", "INT64", (1, 2), len(raw))],
        "outputs": [{"name": "y", "parameters": {"binary_data": False}}],
        "parameters": {"binary_data_output": True},
    }

    _, answer, tail = echo("INT64")(body, raw)

    assert (answer["outputs"][0]["data"], tail) == (values("INT64")[0].tolist(), b"")

    body["outputs"][0]["parameters"]["binary_data"] = True
    del body["parameters"]
    assert echo("INT64")(body, raw)[2] == raw


def test_tensors_follow_each_other_in_the_order_of_the_inputs():
    given = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None]) for name in "ab"
    ]
    node = helper.make_node("Sub", ["a", "b"], ["y"])
    ask = Asking(built([node], given))
    sizes = [entry("b", "FP32", [1], 4), entry("a", "FP32", [1], 4)]

    answer = ask({"inputs": sizes}, np.array([1, 5], np.float32).tobytes())[1]

    assert answer["outputs"][0]["data"] == [4.0]


def built(nodes, given, kind=TensorProto.FLOAT):
    answer = helper.make_tensor_value_info("y", kind, None)
    graph = helper.make_graph(nodes, "g", given, [answer])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    return model.SerializeToString()


def test_a_tensor_of_another_type_is_taken_where_it_keeps_its_values(echo):
    whole = np.array([[1, 2]], np.int64)
    halves = np.array([[1.5, -2]], bfloat16)
    large = np.array([[(1 << 53) + 1, 0]], np.int64)

    def sent(array, datatype):
        body = {"inputs": [entry("x", datatype, (1, 2), array.nbytes)]}
        return echo("FP64")(body, array.tobytes())[:2]

    assert sent(whole, "INT64")[1]["outputs"][0]["data"] == [1.0, 2.0]
    assert sent(halves, "BF16")[1]["outputs"][0]["data"] == [1.5, -2.0]
    assert sent(large, "INT64")[0] == 400


def test_bytes_alone_are_the_only_input(echo):
    array = np.arange(6, dtype=np.float32).reshape(3, 2)

    status, answer, tail = echo("FP32")(b"", array.tobytes(), json_bytes=0)

    assert (status, answer["outputs"][0]["shape"]) == (200, [3, 2])
    assert tail == array.tobytes()


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ([None], "has a multiple of 8 bytes as FP64; the body has 7."),
        ([2], "has 16 bytes as FP64; the body has 7."),
        ([None, None], "The bytes leave the shape of 'x' open"),
        ([None, 0], "The bytes leave the shape of 'x' open"),
    ],
)
def test_bytes_alone_that_do_not_fit_are_told_why(shape, sentence):
    given = helper.make_tensor_value_info("x", TensorProto.DOUBLE, shape)
    node = helper.make_node("Identity", ["x"], ["y"])
    ask = Asking(built([node], [given], TensorProto.DOUBLE))

    status, answer, _ = ask(b"", b"x" * 7, json_bytes=0)

    assert (status, sentence in answer["error"]) == (400, True), answer


RAW = np.array([[1, 2]], np.float32).tobytes()
GOOD = entry("x", "FP32", (1, 2), 8)
MISTAKES = {
    "a body that is shorter": ({"inputs": [GOOD]}, RAW[:-1]),
    "a body that is longer": ({"inputs": [GOOD]}, RAW + b"x"),
    "a size that is not the shape's": (
        {"inputs": [entry("x", "FP32", (1, 2), 4)]},
        RAW[:4],
    ),
    "a size that is no number": ({"inputs": [entry("x", "FP32", (1, 2), "8")]}, RAW),
    "a size that is a truth": ({"inputs": [entry("x", "FP32", (1, 2), bool(1))]}, b"x"),
    "a negative size": ({"inputs": [entry("x", "FP32", (1, 2), -1)]}, RAW),
    "data as well": ({"inputs": [{**GOOD, "data": [1, 2]}]}, RAW),
    "another shape": ({"inputs": [entry("x", "FP32", (2, 1), 8)]}, RAW),
    "a form that is no truth": (
        {"inputs": [GOOD], "parameters": {"binary_data_output": 1}},
        RAW,
    ),
    "memory that is shared": (
        {"inputs": [entry("x", "FP32", (1, 2), 8, shared_memory_region="r")]},
        RAW,
    ),
    "no JSON": (b"{", RAW),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_400(echo, mistake):
    status, answer, _ = echo("FP32")(*MISTAKES[mistake])

    assert (status, answer.keys()) == (400, {"error"})


@pytest.mark.parametrize(
    "raw",
    [
        packed(["a"]),
        packed(["a", "b", "c"]),
        packed(["a", "b"])[:-1],
        packed(["a"]) + b"\xff\xff\xff\xffx",
        struct.pack("<I", 2) + b"\xff\xfe" + packed(["a"]),
        b"\0" * 7,
    ],
)
def test_texts_that_do_not_add_up_are_400(echo, raw):
    body = {"inputs": [entry("x", "BYTES", (1, 2), len(raw))]}

    assert echo("BYTES")(body, raw)[0] == 400


def test_a_truth_is_a_byte_of_0_or_1(echo):
    body = {"inputs": [entry("x", "BOOL", (1, 2), 2)]}

    assert echo("BOOL")(body, b"\1\0")[1]["outputs"][0]["data"] == [True, False]
    assert echo("BOOL")(body, b"\2\0")[0] == 400


@pytest.mark.parametrize("json_bytes", ["", "x", "-1", "1" * 20, "999999"])
def test_a_length_that_is_none_is_400(echo, json_bytes):
    status, answer, _ = echo("FP32")({"inputs": [GOOD]}, RAW, json_bytes=json_bytes)

    assert status == 400
    assert "Inference-Header-Content-Length" in answer["error"]


def test_large_tensors_are_not_copied_and_can_be_written_to(echo):
    asking = echo("FP32")
    seen = []
    model = asking._server.model
    predict = model.predict
    model.predict = lambda feeds, wanted: (
        seen.append(feeds["x"]) or predict(feeds, wanted)
    )
    array = np.zeros((4000, 2), np.float32)
    body = {"inputs": [entry("x", "FP32", array.shape, array.nbytes)]}

    assert asking(body, array.tobytes())[0] == 200

    model.predict = predict
    (given,) = seen
    assert given.flags.behaved
    assert not given.flags.owndata
