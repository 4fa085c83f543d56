"""What became of a call is counted by whose doing it was."""

import pytest
from onnx import TensorProto, helper

from deployments.serving.terms import Signature, Tensor
from tests.deployments.gateway.real import infer_path, serving
from tests.deployments.targets.waiting import until

MANY = 30
"""So many that the model server comes to answer in its loop itself."""


def logarithm() -> bytes:
    """Return a model that answers log x, which is not finite of x <= 0."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])
    graph = helper.make_graph([helper.make_node("Log", ["x"], ["y"])], "g", [x], [y])
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def gateway():
    with serving(log=logarithm()) as made:
        yield made


def sent(value, shape=(1,)):
    return {
        "inputs": [
            {"name": "x", "shape": list(shape), "datatype": "FP32", "data": [value]}
        ]
    }


def counted(gateway):
    (tally,) = gateway.counted().values()
    return tally


def test_answers_are_counted_as_good_not_finite_or_refused(gateway):
    for value in (1.0, 0.0, -1.0):
        for _ in range(MANY):
            assert gateway.post(infer_path("log"), sent(value))[0] == 200
    assert gateway.post("/serving/staging/log", {"instances": [0.0]})[0] == 200
    assert gateway.post(infer_path("log"), {"inputs": []})[0] == 400

    until(
        lambda: gateway.counted() and counted(gateway)["request_count"] == 3 * MANY + 2
    )

    found = counted(gateway)
    assert found["non_finite_count"] == 2 * MANY + 1
    assert (found["client_error_count"], found["error_count"]) == (1, 0)
    assert "mlops_gateway_non_finite_total{" in gateway.get("/metrics")[1]


def test_what_the_version_before_would_have_taken_is_refused_anew():
    table = Tensor("x", "FP32", (-1, 1)), Tensor("y", "FP32", (-1, 1))
    before = Signature((table[0],), (table[1],), ("x",))
    with serving(before, log=logarithm()) as gateway:
        for _ in range(MANY):
            assert gateway.post(infer_path("log"), sent(1.0))[0] == 200
        for refused in (sent(1.0, (1, 1)), sent(1.0, (1, 2)), {"inputs": []}, b"no"):
            assert gateway.post(infer_path("log"), refused)[0] == 400
        rows = {"instances": [{"x": 1.0}, {"x": 2.0}]}
        assert gateway.post("/serving/staging/log", rows)[0] == 200
        until(
            lambda: gateway.counted() and counted(gateway)["request_count"] == MANY + 5
        )

        found = counted(gateway)

    assert (found["client_error_count"], found["refused_anew_count"]) == (4, 1)
