"""Real models behind a real gateway, asked in every form of the protocol."""

import gzip
import json

import numpy as np
import pytest

from tests.deployments.gateway.process import KEY
from tests.deployments.gateway.real import infer_path, serving
from tests.deployments.targets.models import forest, iris, onnx_bytes
from tests.deployments.targets.test_blame import looked_up
from tests.deployments.targets.waiting import until

ROWS = iris()[0][::10]
LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def gateway():
    with serving(iris=onnx_bytes(), table=looked_up(), counted=looked_up()) as made:
        yield made


def ask(gateway, body, headers=None, model="iris"):
    """Return status, headers, JSON and the bytes after it."""
    connection = gateway.connect()
    head = {"Authorization": f"Bearer {KEY}", **(headers or {})}
    connection.request("POST", infer_path(model), body, head)
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    if answer.headers.get("Content-Encoding") == "gzip":
        raw = gzip.decompress(raw)
    end = int(answer.headers.get(LENGTH, len(raw)))
    return answer.status, answer.headers, json.loads(raw[:end]), raw[end:]


def binary(rows, **more) -> tuple[bytes, dict]:
    entry = {
        "name": "X",
        "shape": list(rows.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": rows.nbytes},
    }
    head = {"inputs": [entry], "parameters": {"binary_data_output": True}, **more}
    text = json.dumps(head).encode()
    return text + rows.tobytes(), {LENGTH: str(len(text))}


def test_binary_tensors_pass_both_ways_however_they_are_sent(gateway):
    body, headers = binary(ROWS)
    packed = gzip.compress(body)
    coded = {**headers, "Content-Encoding": "gzip", "Accept-Encoding": "gzip"}
    many = np.tile(ROWS, (2000, 1))  # more than goes the fast path

    for sent, head in ((body, headers), (packed, coded), (body, headers)):
        status, _, answer, tail = ask(gateway, sent, head)

        assert status == 200, answer
        label, probabilities = answer["outputs"]
        end = label["parameters"]["binary_data_size"]
        labels = np.frombuffer(tail[:end], np.int64)
        assert labels.tolist() == forest().predict(ROWS).tolist()
        assert probabilities["parameters"]["binary_data_size"] == len(tail) - end

    _, _, answer, tail = ask(gateway, *binary(many, outputs=[{"name": "label"}]))
    assert len(tail) == 8 * len(many)


def test_an_empty_batch_has_an_empty_answer(gateway):
    entry = {"name": "X", "shape": [0, 4], "datatype": "FP32", "data": []}

    status, _, answer, _ = ask(gateway, json.dumps({"inputs": [entry]}))

    assert status == 200, answer
    assert [each["shape"] for each in answer["outputs"]] == [[0], [0, 3]]


def test_statistics_count_what_the_instances_did(gateway):
    path = "/serving/staging/counted/v2/models/counted"
    good = {"name": "x", "shape": [3, 2], "datatype": "FP32", "data": [0] * 6}
    bad = {**good, "data": [9] * 6}

    for entry, status in ((good, 200), (good, 200), (bad, 500)):
        found = ask(gateway, json.dumps({"inputs": [entry]}), model="counted")
        assert found[0] == status

    for address in (f"{path}/stats", f"{path}/versions/1/stats"):
        status, body, _ = gateway.get(address)
        assert status == 200
        (stats,) = body["model_stats"]
        assert (stats["name"], stats["version"]) == ("counted", "1")
        assert (stats["execution_count"], stats["inference_count"]) == (2, 6)
        counts = stats["inference_stats"]
        assert (counts["success"]["count"], counts["fail"]["count"]) == (2, 1)
        assert 0 < counts["compute_infer"]["ns"] < counts["success"]["ns"]
    assert gateway.get(f"{path}/versions/2/stats")[0] == 404
    assert gateway.get(f"{path}/stats", key=None)[0] == 401


def test_a_failure_is_in_the_models_log_with_its_id_and_a_success_is_not(gateway):
    entry = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [9, 9]}
    bad = json.dumps({"inputs": [entry]})
    good = json.dumps({"inputs": [{**entry, "data": [0, 0]}]})

    for n in range(12):  # soon they are answered in the loop itself
        assert ask(gateway, good, {"X-Request-ID": f"good-{n}"}, "table")[0] == 200
        assert ask(gateway, bad, {"X-Request-ID": f"bad-{n}"}, "table")[0] == 500

    def logged() -> str:
        return "".join(p.read_text() for p in gateway.data_dir.rglob("*.log"))

    until(lambda: "request bad-11: 500: " in logged())
    assert all(f"request bad-{n}: 500: " in logged() for n in range(12))
    assert "good-" not in logged()


def test_the_extensions_are_those_that_are_spoken(gateway):
    _, body, _ = gateway.get("/serving/staging/iris/v2")

    assert body["extensions"] == [
        "binary_tensor_data",
        "statistics",
        "model_repository(index)",
    ]
