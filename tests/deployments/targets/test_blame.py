"""What a model raises on a request that fits its signature is the model's failure."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from deployments.serving.child.runner import TRUST_AFTER
from deployments.serving.formats import pyfunc
from deployments.serving.oip.errors import BadRequest, ModelFailed
from tests.deployments.targets.test_protocol import Client

INFER = "/v2/models/iris/infer"
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def onnx_of(nodes, inputs, initializers=()) -> bytes:
    """Return a model of float inputs with one output, `y`."""
    given = [helper.make_tensor_value_info(n, FLOAT, s) for n, s in inputs.items()]
    answer = helper.make_tensor_value_info("y", FLOAT, None)
    graph = helper.make_graph(nodes, "g", given, [answer], list(initializers))
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(
        graph, opset_imports=opset, ir_version=9
    ).SerializeToString()


def looked_up() -> bytes:
    """Return a model that answers table[x] of a table of three."""
    table = numpy_helper.from_array(np.zeros(3, np.float32), "table")
    nodes = [
        helper.make_node("Cast", ["x"], ["place"], to=INT64),
        helper.make_node("Gather", ["table", "place"], ["y"]),
    ]
    return onnx_of(nodes, {"x": ["N", 2]}, [table])


def added() -> bytes:
    return onnx_of(
        [helper.make_node("Add", ["a", "b"], ["y"])], {"a": ["N", 1], "b": ["N", 1]}
    )


def sent(**columns):
    return {
        "inputs": [
            {"name": name, "shape": np.shape(rows), "datatype": "FP32", "data": rows}
            for name, rows in columns.items()
        ]
    }


@pytest.mark.parametrize("path", [INFER, "/"])
def test_what_onnxruntime_raises_within_the_graph_is_500(path):
    client = Client(looked_up())
    bodies = {
        INFER: (sent(x=[[1, 2]]), sent(x=[[10, 1]])),
        "/": ({"instances": [[1, 2]]}, {"instances": [[10, 1]]}),
    }
    good, bad = bodies[path]

    assert client.post(path, good)[0] == 200
    status, answer = client.post(path, bad)
    assert status == 500
    assert "Gather" in answer["error"]


@pytest.mark.parametrize(
    "wrong",
    [
        sent(x=[[1, 2, 3]]),
        sent(x=[1, 2]),
        sent(z=[[1, 2]]),
        {
            "inputs": [
                {"name": "x", "shape": [1, 2], "datatype": "BYTES", "data": ["a"]}
            ]
        },
    ],
)
def test_what_does_not_fit_the_signature_is_400(wrong):
    assert Client(looked_up()).post(INFER, wrong)[0] == 400


def test_axes_of_one_name_that_differ_are_the_requests_fault_where_the_run_fails():
    client = Client(added())

    status, answer = client.post(INFER, sent(a=[[1], [2]], b=[[1], [2], [3]]))

    assert (status, "'N'" in answer["error"]) == (400, True)
    assert client.post(INFER, sent(a=[[1], [2]], b=[[1]]))[0] == 200


def test_an_error_that_nobody_foresaw_is_500_in_the_loop_too():
    client = Client(added())
    for _ in range(TRUST_AFTER + 1):
        assert client.post(INFER, sent(a=[[1]], b=[[1]]))[0] == 200

    def broken(feeds, wanted):
        raise LookupError("nobody foresaw it")

    client.model.predict = broken
    answer = None
    while answer is None:  # on a busy machine trust must be won again
        client.server._runner._quick = TRUST_AFTER
        answer = client.server.answer_now(b'{"inputs": [' + ENTRIES + b"]}")

    assert answer[0] == 500
    assert b"nobody foresaw it" in answer[1].body


ENTRIES = b",".join(
    b'{"name": "%b", "shape": [1, 1], "datatype": "FP32", "data": [1]}' % name
    for name in (b"a", b"b")
)

MLFLOW = """
class MlflowException(Exception):
    pass

def _validate_prediction_input(data):
    if data == "misfit":
        raise MlflowException("failed to enforce the schema")

def predict(model, data):
    _validate_prediction_input(data)
    return model(data)
"""


def test_only_mlflows_own_check_of_the_signature_is_the_clients_fault():
    mlflow = {"__name__": "mlflow.pyfunc"}
    exec(MLFLOW, mlflow)  # noqa: S102 - a stand-in with the real one's names

    def blamed(model, data):
        try:
            mlflow["predict"](model, data)
        except mlflow["MlflowException"] as error:
            return type(pyfunc._failure(_seen_by_us(error)))

    def raises(data):
        raise mlflow["MlflowException"]("invalid parameter value")

    def nested(data):
        mlflow["predict"](raises, "misfit")

    assert blamed(len, "misfit") is BadRequest
    assert blamed(raises, "fits") is ModelFailed
    assert blamed(nested, "fits") is ModelFailed


def _seen_by_us(error):
    """Return it as where `formats.pyfunc` catches it: without the test's own frame."""
    return error.with_traceback(error.__traceback__.tb_next)
