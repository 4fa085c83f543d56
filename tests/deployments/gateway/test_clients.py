"""Other people's clients of the protocol, as they come."""

import json
import subprocess
from pathlib import Path

import pytest

from bench.foreign import NoPackageIndex, python_of
from tests.deployments.gateway.process import KEY
from tests.deployments.gateway.real import serving
from tests.deployments.targets.models import forest, iris, onnx_bytes
from tests.deployments.targets.test_protocol import identity

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
ROWS = iris()[0][:150:10]


def client(name: str, requirement: str) -> Path:
    """Return a Python with somebody's client; its packages would not fit ours."""
    try:
        return python_of(name, requirement)
    except NoPackageIndex:
        pytest.skip("no package index answers")


def answered(python: Path, script: str, address: str) -> dict:
    done = subprocess.run(
        [python, HERE / script, address, KEY],
        input=json.dumps(ROWS.tolist()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_tritonclient_infers_in_every_form_that_it_has():
    python = client("tritonclient", "tritonclient[http]==2.73.0")
    with serving(iris=onnx_bytes()) as gateway:
        url = f"127.0.0.1:{gateway.port}/serving/staging/iris"
        found = answered(python, "triton_script.py", url)

    assert found["ready"] == [True] * 5
    assert "binary_tensor_data" in found["extensions"]
    assert (found["inputs"], found["version"]) == (["X"], "1")
    want = forest().predict(ROWS).tolist()
    assert found["labels"] == dict.fromkeys(found["labels"], want)
    assert len(found["labels"]) == 5
    assert found["outputs"] == ["label"]
    assert found["id"] == "7"
    assert "shape" in found["mistake"]
    assert [each["state"] for each in found["index"]] == ["READY"]
    (counted,) = found["counted"]["model_stats"]
    assert counted["execution_count"] >= 5


def test_tritonclient_sends_and_reads_texts():
    python = client("tritonclient", "tritonclient[http]==2.73.0")
    with serving(iris=identity("BYTES")) as gateway:
        url = f"127.0.0.1:{gateway.port}/serving/staging/iris"
        done = subprocess.run(
            [python, "-c", TEXTS, url, KEY], capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == ["a", "é"]


TEXTS = """
import json, sys
import numpy as np
import tritonclient.http as triton

url, key = sys.argv[1:]
sent = np.array([["a", "é"]], dtype=np.object_)
given = triton.InferInput("x", sent.shape, "BYTES")
given.set_data_from_numpy(sent)
headers = {"Authorization": f"Bearer {key}"}
answer = triton.InferenceServerClient(url).infer("iris", [given], headers=headers)
print(json.dumps([each.decode() for each in answer.as_numpy("y").ravel()]))
"""


def test_kserves_client_infers_in_json_and_in_bytes():
    python = client("kserve", "kserve==0.21.0")
    with serving(iris=onnx_bytes()) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/serving/staging/iris"
        found = answered(python, "kserve_script.py", url)

    want = forest().predict(ROWS).tolist()
    assert found["labels"] == {"JSON": want, "binary": want}
    assert found["ready"] == [True, True, True]
