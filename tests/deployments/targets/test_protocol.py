"""The Open Inference Protocol as the model server answers it, mistakes included."""

import asyncio
import json

import numpy as np
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from uvicorn.server import ServerState

from deployments.serving.child.app import ModelServer
from deployments.serving.child.protocol import protocol_of
from deployments.serving.child.runner import Runner
from deployments.serving.formats import LoadOptions, load
from deployments.serving.formats.base import synthetic_inputs
from deployments.serving.http1.failures import REQUEST_ID
from deployments.serving.oip.datatypes import NUMPY
from tests.deployments.targets import models

INFER = "/v2/models/iris/infer"
ONNX_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16,
    "BYTES": TensorProto.STRING,
}


class Client:
    """Calls the server as ASGI, without a socket."""

    def __init__(self, content, options=None):
        self.model = load(content, options or LoadOptions())
        runner = Runner(30)
        self.server = ModelServer(
            self.model, name="iris", version="1", runner=runner, max_bytes=100_000
        )

    def get(self, path):
        return self._call("GET", path, b"", ())

    def post(self, path, body, headers=()):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._call("POST", path, raw, headers)

    def _call(self, method, path, body, headers):
        sent = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        asyncio.run(self.server(scope, receive, send))
        return sent[0]["status"], json.loads(sent[1]["body"])


def tensor(**fields):
    usual = {"name": "X", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3, 1, 0]}
    return {**usual, **fields}


def request(**fields):
    return {"inputs": [tensor(**fields)]}


@pytest.fixture(scope="module")
def iris():
    return Client(models.onnx_bytes())


def identity(datatype) -> bytes:
    """Return a model that answers what it is sent."""
    kind = ONNX_TYPES[datatype]
    given = helper.make_tensor_value_info("x", kind, [None, 2])
    answer = helper.make_tensor_value_info("y", kind, [None, 2])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "echo", [given], [answer]
    )
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return model.SerializeToString()


class TestReading:
    def test_live_and_ready(self, iris):
        assert iris.get("/v2/health/live") == (200, {"live": True})
        assert iris.get("/v2/health/ready") == (200, {"ready": True})

    @pytest.mark.parametrize("path", ["/v2", "/v2/"])
    def test_server_metadata_has_all_that_is_required(self, iris, path):
        status, body = iris.get(path)

        assert status == 200
        assert body.keys() == {"name", "version", "extensions"}

    @pytest.mark.parametrize("path", ["/v2/models/iris", "/v2/models/iris/versions/1"])
    def test_model_metadata_is_the_models_own(self, iris, path):
        status, body = iris.get(path)

        assert status == 200
        assert body["platform"] == "onnx_onnxv1"
        assert body["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]
        assert [each["name"] for each in body["outputs"]] == ["label", "probabilities"]

    def test_the_served_version_is_ready_and_another_is_not_here(self, iris):
        assert iris.get("/v2/models/iris/versions/1/ready")[0] == 200
        assert iris.get("/v2/models/iris/versions/2/ready")[0] == 404
        assert iris.get("/v2/models/rose/ready")[0] == 404
        assert iris.get("/v2/nowhere")[0] == 404


class TestInfer:
    @pytest.mark.parametrize("path", [INFER, "/v2/models/iris/versions/1/infer"])
    def test_labels_and_probabilities_are_the_forests(self, iris, path):
        rows = models.iris()[0][:7]

        status, body = iris.post(path, request(shape=[7, 4], data=rows.tolist()))

        assert status == 200
        label, probabilities = body["outputs"]
        assert label["data"] == models.forest().predict(rows).tolist()
        want = models.forest().predict_proba(rows).ravel()
        np.testing.assert_allclose(probabilities["data"], want, atol=1e-5)
        assert probabilities["shape"] == [7, 3]

    def test_flat_data_is_row_major(self, iris):
        rows = models.iris()[0][:3]
        nested = request(shape=[3, 4], data=rows.tolist())
        flat = request(shape=[3, 4], data=rows.ravel().tolist())

        assert iris.post(INFER, flat) == iris.post(INFER, nested)

    def test_the_id_comes_back_only_if_it_was_given(self, iris):
        assert iris.post(INFER, {**request(), "id": "7"})[1]["id"] == "7"
        assert "id" not in iris.post(INFER, request())[1]

    def test_only_the_outputs_asked_for_are_sent(self, iris):
        body = {**request(), "outputs": [{"name": "label"}]}

        assert [o["name"] for o in iris.post(INFER, body)[1]["outputs"]] == ["label"]

    @pytest.mark.parametrize("datatype", NUMPY)
    def test_every_datatype_goes_through_unchanged(self, datatype):
        data = {"BOOL": [True, False], "BYTES": ["a", "é"]}.get(datatype, [1, 2])
        entry = {"name": "x", "shape": [1, 2], "datatype": datatype, "data": [data]}

        status, body = Client(identity(datatype)).post(INFER, {"inputs": [entry]})

        assert status == 200, body
        (got,) = body["outputs"]
        assert (got["datatype"], got["shape"], got["data"]) == (datatype, [1, 2], data)

    @pytest.mark.parametrize("datatype", ["INT64", "UINT64"])
    def test_large_whole_numbers_keep_their_digits(self, datatype):
        limits = np.iinfo(NUMPY[datatype])
        data = [int(limits.min), int(limits.max)]
        entry = {"name": "x", "shape": [1, 2], "datatype": datatype, "data": data}

        body = Client(identity(datatype)).post(INFER, {"inputs": [entry]})[1]

        assert body["outputs"][0]["data"] == data

    def test_null_is_nan_for_numbers(self):
        entry = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [None, 1]}

        body = Client(identity("FP32")).post(INFER, {"inputs": [entry]})[1]

        assert body["outputs"][0]["data"] == ["NaN", 1.0]


MISTAKES = {
    "no JSON": b"{",
    "no object": b"[]",
    "not UTF-8": b'"\xff"',
    "no inputs": {},
    "empty inputs": {"inputs": []},
    "inputs of the wrong type": {"inputs": 5},
    "an input that is no object": {"inputs": [1]},
    "an input without a name": {"inputs": [{}]},
    "a wrong input name": request(name="Y"),
    "the same input twice": {"inputs": [tensor(), tensor()]},
    "an unknown datatype": request(datatype="FP8"),
    "a datatype of the wrong type": request(datatype=[]),
    "too few values": request(data=[1, 2, 3]),
    "too many values": request(data=[1, 2, 3, 4, 5]),
    "wrong feature count": request(shape=[1, 3], data=[1, 2, 3]),
    "wrong rank": request(shape=[4]),
    "nested otherwise than said": request(data=[[1], [2], [3], [4]]),
    "ragged": request(shape=[2, 4], data=[[1, 2, 3, 4], [1]]),
    "no rows, but values": request(shape=[0, 4], data=[1]),
    "a negative shape": request(shape=[-1, -4]),
    "a huge shape": request(shape=[10**30, 4]),
    "a shape with a truth": request(shape=[True, 4]),
    "a string among numbers": request(data=["5.1", "3", "1", "0"]),
    "an object among numbers": request(data=[{}, 1, 2, 3]),
    "no data": {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP32"}]},
    "data that is no list": request(data=5),
    "too large a number": request(data=[1e300, 1, 1, 1]),
    "an endless number": request(data=[10**400, 1, 1, 1]),
    "strings declared": request(datatype="BYTES", data=["a", "b", "c", "d"]),
    "an unknown output": {**request(), "outputs": [{"name": "nope"}]},
    "outputs of the wrong type": {**request(), "outputs": 3},
    "an id that is no string": {**request(), "id": 5},
    "parameters that are no object": {**request(), "parameters": []},
    "deep nesting": b'{"inputs":' + b"[" * 900 + b"]" * 900 + b"}",
    "deep data": request(data=json.loads("[" * 200 + "1" + "]" * 200)),
}


class TestMistakes:
    @pytest.mark.parametrize("mistake", MISTAKES)
    def test_are_answered_400_with_an_error(self, iris, mistake):
        status, body = iris.post(INFER, MISTAKES[mistake])

        assert status == 400
        assert body.keys() == {"error"}
        assert body["error"].endswith(".")

    @pytest.mark.parametrize(
        ("shape", "sentence"),
        [
            ([1.5], "must be a list of whole numbers"),
            ([True, 4], "must be a list of whole numbers"),
            (4, "must be a list of whole numbers"),
            ([-1], "has a negative length"),
            ([1 << 62, 4], "holds more than 2147483648 values"),
            ([1] * 17, "has 17 lengths; 16 is the most"),
        ],
    )
    def test_a_shape_is_told_what_is_wrong_with_it(self, iris, shape, sentence):
        status, body = iris.post(INFER, request(shape=shape))

        assert (status, sentence in body["error"]) == (400, True), body

    def test_a_body_over_the_limit_is_413(self, iris):
        assert iris.post(INFER, b" " * 100_001)[0] == 413

    def test_an_unknown_model_is_404(self, iris):
        assert iris.post("/v2/models/rose/infer", request())[0] == 404

    @pytest.mark.parametrize("value", [300, -1, 1.5])
    def test_a_number_that_its_type_cannot_hold_is_400(self, value):
        entry = {"name": "x", "shape": [1, 2], "datatype": "UINT8", "data": [value, 1]}

        assert Client(identity("UINT8")).post(INFER, {"inputs": [entry]})[0] == 400

    def test_what_a_model_raises_is_500_and_the_servers_fault(self, iris, monkeypatch):
        broken = Client(models.skops_bytes())
        failing = {"predict": lambda rows: 1 / 0}
        monkeypatch.setattr(broken.model, "_methods", failing)
        entry = tensor(name="input")

        status, body = broken.post(INFER, {"inputs": [entry]})

        assert status == 500
        assert "ZeroDivisionError" in body["error"]


@pytest.fixture(scope="module")
def boosted():
    return Client(models.xgboost_bytes())


class TestConvenience:
    ROWS = ((5.1, 3.5, 1.4, 0.2), (6.7, 3.0, 5.2, 2.3))

    @pytest.mark.parametrize("form", ["instances", "dataframe_records"])
    def test_rows(self, iris, form):
        status, body = iris.post("/", {form: self.ROWS})

        assert (status, body["predictions"]) == (200, [0, 2])
        assert body["outputs"].keys() == {"label", "probabilities"}

    def test_a_bare_list_of_rows(self, iris):
        assert iris.post("/", self.ROWS)[1]["predictions"] == [0, 2]

    def test_records_are_put_into_the_models_order(self, boosted):
        rows = boosted.post("/", {"instances": self.ROWS})
        records = [dict(zip("dcba", row[::-1], strict=True)) for row in self.ROWS]

        assert rows[0] == 200
        assert boosted.post("/", {"instances": records}) == rows

    def test_columns(self, boosted):
        columns = dict(zip("abcd", zip(*self.ROWS, strict=True), strict=True))

        rows = boosted.post("/", {"instances": self.ROWS})
        assert boosted.post("/", {"inputs": columns}) == rows

    def test_mlflows_split_form(self, boosted):
        split = {"columns": list("abcd"), "data": self.ROWS}

        rows = boosted.post("/", {"instances": self.ROWS})
        assert boosted.post("/", {"dataframe_split": split}) == rows

    def test_names_given_by_the_registry_serve_for_onnx(self):
        named = Client(models.onnx_bytes(), LoadOptions(feature_names=tuple("abcd")))
        records = [dict(zip("abcd", row, strict=True)) for row in self.ROWS]

        assert named.post("/", records)[1]["predictions"] == [0, 2]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"instances": 5},
            {"instances": [[1, 2]]},
            {"instances": [[]]},
            {"instances": [1, 2, 3, 4]},
            {"instances": [{"a": 1}]},
            {"instances": [{"a": 1}, {"b": 1}]},
            {"instances": [{}]},
            {"instances": [[1, 2, 3, 4], {"a": 1}]},
            {"inputs": {}},
            {"inputs": {"a": 1, "b": 2, "c": 3, "d": 4}},
            {"inputs": {"a": [1], "b": [1, 2], "c": [1], "d": [1]}},
            {"dataframe_split": {}},
            {"dataframe_split": {"columns": [1], "data": [[1]]}},
            {"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}},
            {"dataframe_split": {"columns": list("abcda"), "data": [[1, 2, 3, 4, 5]]}},
            {"instances": ROWS, "dataframe_records": [dict.fromkeys("abcd", 1)]},
            {"instances": ROWS, "inputs": {name: [1] for name in "abcd"}},
            {"instances": ROWS, "params": {"alpha": 0.5}},
        ],
    )
    def test_mistakes_are_400(self, iris, boosted, body):
        for client in (iris, boosted):
            status, answer = client.post("/", body)

            assert status == 400
            assert answer["error"].endswith((".", "…}."))


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["X", "FP32", "INT64", "BYTES", "label"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "shape", "datatype", "data", "inputs", "id"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
nearly = st.fixed_dictionaries(
    {
        "inputs": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["X", "Y"])},
                optional={
                    "shape": st.just([1, 4]) | st.lists(st.integers(-2, 9)) | anything,
                    "datatype": st.sampled_from([*NUMPY, "FP8"]) | anything,
                    "data": st.lists(st.floats() | st.integers() | anything, max_size=5)
                    | anything,
                },
            ),
            max_size=2,
        )
    },
    optional={"id": anything, "outputs": anything, "parameters": anything},
)


class Written(asyncio.Transport):
    """Takes what a connection sends."""

    def __init__(self):
        super().__init__()
        self.data = b""

    def write(self, data):
        self.data += data

    def is_closing(self):
        return False


def test_a_gateways_head_is_read_once_whatever_the_requests_ids(iris, monkeypatch):
    monkeypatch.setattr(iris.server._runner, "is_quick", lambda body: True)
    served, body = protocol_of(iris.server), json.dumps(request()).encode()
    head = b"POST %b HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n%b: %d\r\n\r\n"

    async def answers_to(number):
        loop, transport = asyncio.get_running_loop(), Written()
        config = uvicorn.Config(iris.server, lifespan="off")
        connection = served(config, ServerState(), {}, loop)
        connection.connection_made(transport)
        for each in range(number):
            values = (INFER.encode(), len(body), REQUEST_ID, each)
            connection.data_received(head % values + body)
        return transport.data

    assert asyncio.run(answers_to(20)).count(b"HTTP/1.1 200 OK") == 20
    assert len(served.heads._known) == 1


@pytest.mark.slow
@settings(
    max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(body=anything | nearly, path=st.sampled_from([INFER, "/"]))
def test_no_body_makes_a_server_error(body, path):
    for client in fuzzed():
        status, answer = client.post(path, json.dumps(body).encode())

        assert status in (200, 400), (status, answer)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(body=st.binary(max_size=200))
def test_no_bytes_make_a_server_error(body):
    for client in fuzzed():
        assert client.post(INFER, body)[0] == 400


def fuzzed(kept=[]):  # noqa: B006 - kept on purpose: loading takes longer than a try
    if not kept:
        kept += [
            Client(models.onnx_bytes()),
            Client(models.xgboost_bytes()),
            *(Client(identity(datatype)) for datatype in ("INT8", "BYTES", "BOOL")),
        ]
        for client in kept:
            client.model.predict(synthetic_inputs(client.model.inputs), ())
    return kept
