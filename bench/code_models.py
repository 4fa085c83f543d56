"""Models that are code, each in a fresh interpreter, beside one that is data.

Prints Markdown: how long it takes until such a process answers, what memory it has for
itself, and how fast it answers one row over its own socket. What uses MLflow needs an
environment with it (`bench.mlflow.client`), and is left out where none can be made.
"""

import hashlib
import http.client
import json
import pickle
import socket
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from bench.foreign import NoPackageIndex
from bench.mlflow.client import python_with
from bench.printing import say
from bench.serving.servers import bring_up, until
from deployments.serving.terms import (
    FolderFile,
    ModelFile,
    Phase,
    PyfuncFolder,
    Spec,
    Validation,
)
from deployments.targets.local import LocalTarget
from lifecycle import mlmodel

STARTS, REQUESTS, LIMIT_S = 5, 500, 300
HEAD = (
    "| model | validated after | ready after, p50 | PSS | one row, p50 |\n"
    "|---|---:|---:|---:|---:|\n"
)
BY_HAND = """
class Model:
    def predict(self, columns):
        return sum(columns.values())


def _load_pyfunc(path):
    return Model()
"""
WITH_MLFLOW = """
import sys, mlflow, numpy as np, pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

class Forest(mlflow.pyfunc.PythonModel):
    def __init__(self, forest):
        self.forest = forest
    def predict(self, context, model_input, params=None):
        return self.forest.predict_proba(model_input)

X, y = load_iris(return_X_y=True)
X = pd.DataFrame(X, columns=list("abcd"))
forest = RandomForestClassifier(100, random_state=0).fit(X, y)
signature = infer_signature(X, forest.predict_proba(X))
mlflow.pyfunc.save_model(sys.argv[1], python_model=Forest(forest), signature=signature)
"""


class Figures(NamedTuple):
    """Seconds, seconds, megabytes and milliseconds."""

    validated_s: float
    ready_s: float
    pss_mb: float
    p50_ms: float


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="code-") as name:
        folder = Path(name)
        with LocalTarget(folder / "data") as target:
            target.tick()
            rows = [
                f"| {what} | {found.validated_s:.1f} s | {found.ready_s:.2f} s "
                f"| {found.pss_mb:.0f} MB | {found.p50_ms:.2f} ms |\n"
                for what, spec in specs(folder)
                for found in [measured(target, spec)]
            ]
    say(HEAD + "".join(rows), end="")


def specs(folder: Path) -> Iterator[tuple[str, Spec]]:
    """Yield what is measured."""
    rows, labels = load_iris(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(rows, labels)
    as_onnx = to_onnx(forest, rows[:1].astype(np.float32), target_opset=21)
    yield "forest as ONNX (data, forked)", of_bytes(folder, as_onnx.SerializeToString())
    yield "forest as a pickle", of_bytes(folder, pickle.dumps(forest))
    yield "python_function without MLflow", of_folder(by_hand(folder / "hand"))
    try:
        python = python_with()
    except NoPackageIndex:
        return
    made = folder / "mlflow"
    subprocess.run(  # noqa: S603 - ours
        [python, "-W", "ignore", "-c", WITH_MLFLOW, made],
        check=True,
        cwd=folder,
        stderr=subprocess.DEVNULL,
    )
    yield "forest in a PythonModel, by MLflow", of_folder(made, str(python))


def by_hand(place: Path) -> Path:
    (place / "code").mkdir(parents=True)
    (place / "code" / "made_by_hand.py").write_text(BY_HAND)
    columns = [{"type": "double", "name": name} for name in "abcd"]
    told = {"loader_module": "made_by_hand", "code": "code"}
    manifest = {
        "flavors": {"python_function": told},
        "signature": {"inputs": json.dumps(columns)},
    }
    (place / "MLmodel").write_text(json.dumps(manifest))
    return place


def of_bytes(folder: Path, content: bytes) -> Spec:
    path = folder / uuid.uuid4().hex
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return spec(ModelFile(path, "model", digest, len(content)))


def of_folder(place: Path, interpreter: str = "") -> Spec:
    said = mlmodel.read((place / "MLmodel").read_bytes()).pyfunc
    if said is None:
        raise ValueError("the folder is no python_function")
    files = tuple(
        FolderFile(
            str(path.relative_to(place)),
            path,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in sorted(place.rglob("*"))
        if path.is_file()
    )
    folder = PyfuncFolder(
        files, said.loader_module, said.code, said.data, said.inputs, said.outputs
    )
    return spec(
        ModelFile(place / "MLmodel", "model", "", 0, folder=folder), interpreter
    )


def spec(file: ModelFile, interpreter: str = "") -> Spec:
    return Spec(
        str(uuid.uuid4()),
        "staging",
        "iris",
        "1",
        file,
        allows_code=True,
        interpreter=interpreter,
    )


def measured(target: LocalTarget, asked: Spec) -> Figures:
    start = time.perf_counter()
    until(lambda: target.validate(asked), LIMIT_S)
    validated = time.perf_counter() - start
    found, ready = target.validate(asked), []
    while len(ready) < STARTS:
        take_away(target, asked)
        ready.append(bring_up(target, asked))
    (record,) = records(target, asked)
    p50 = latency_ms(Path(record["socket"]), found)
    pss = pss_mb(record["pid"])
    take_away(target, asked)
    return Figures(validated, statistics.median(ready), pss, p50)


def take_away(target: LocalTarget, asked: Spec) -> None:
    target.stop(asked.deployment_id)
    until(lambda: target.observe(asked.deployment_id).phase is Phase.ABSENT)


def latency_ms(path: Path, found: Validation | None) -> float:
    """Return the p50 of one row, asked again and again over one connection."""
    inputs = [
        {
            "name": each.name,
            "datatype": each.datatype,
            "shape": [abs(size) for size in each.shape],
            "data": [1.0] * abs(int(np.prod(each.shape))),
        }
        for each in (found.inputs if found else ())
    ]
    body = json.dumps({"inputs": inputs}).encode()
    connection = http.client.HTTPConnection("model")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    times = []
    for _ in range(REQUESTS):
        start = time.perf_counter()
        connection.request("POST", "/v2/models/iris/infer", body)
        answer = connection.getresponse()
        answer.read()
        times.append((time.perf_counter() - start) * 1000)
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"answered with {answer.status}")
    connection.close()
    return statistics.median(times)


def records(target: LocalTarget, asked: Spec) -> Iterator[dict[str, Any]]:
    folder = target._data_dir / "run" / "instances"  # noqa: SLF001 - only to look
    for path in folder.glob("*.json"):
        record = json.loads(path.read_bytes())
        if record["deployment_id"] == asked.deployment_id:
            yield record


def pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (pss,) = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    return pss / 1024


if __name__ == "__main__":
    main()
