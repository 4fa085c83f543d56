"""Other people's clients of the protocol, as they come."""

import json
import subprocess
from pathlib import Path

import pytest

from bench.foreign import NoPackageIndex, python_of
from tests.deployments.gateway.door import KEY
from tests.deployments.gateway.real import serving
from tests.deployments.targets.models import forest, iris, onnx_bytes

pytestmark = pytest.mark.slow
TRITON = Path(__file__).with_name("triton_script.py")


@pytest.fixture(scope="module")
def triton():
    """Return a Python with NVIDIA's client; its packages would not fit ours."""
    try:
        return python_of("tritonclient", "tritonclient[http]==2.73.0")
    except NoPackageIndex:
        pytest.skip("no package index answers")


def test_tritonclient_infers_in_json(triton):
    rows = iris()[0][:150:10]
    with serving(iris=onnx_bytes()) as door:
        url = f"127.0.0.1:{door.port}/serving/staging/iris"
        done = subprocess.run(
            [triton, TRITON, url, KEY],
            input=json.dumps(rows.tolist()),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    found = json.loads(done.stdout)
    assert found["ready"] == [True, True, True, True]
    assert (found["inputs"], found["version"]) == (["X"], "1")
    assert found["labels"] == forest().predict(rows).tolist()
    assert found["outputs"] == ["label"]
    assert found["id"] == "7"
    assert "shape" in found["mistake"]
