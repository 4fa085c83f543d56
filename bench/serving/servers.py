"""Starts what is measured: a model process on TCP, the gateway, MLServer."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

from deployments.serving.logs import open_for_append
from deployments.serving.supervisor.folders import Folders
from deployments.serving.supervisor.instance import serving_job
from deployments.serving.supervisor.zygote_client import ZygoteClient
from deployments.serving.terms import ModelFile, Phase, Route, RouteEntry, Spec
from deployments.targets.local import LocalTarget

KEY = hashlib.sha256(b"bench").hexdigest()
ANCHOR = Path(__file__).parent / "mlserver"
NAME = "forest"
PATH = f"/v2/models/{NAME}/infer"


@cache
def model() -> bytes:
    """Return a forest of 100 trees on 30 columns, as ONNX."""
    rows, labels = load_breast_cancer(return_X_y=True)
    rows = rows.astype(np.float32)
    forest = RandomForestClassifier(100, max_depth=8, random_state=0).fit(rows, labels)
    return to_onnx(forest, rows[:1], options={"zipmap": False}).SerializeToString()


def body() -> bytes:
    row = load_breast_cancer().data[0].tolist()
    tensor = {"name": "X", "shape": [1, 30], "datatype": "FP32", "data": row}
    return json.dumps({"inputs": [tensor]}).encode()


def new_spec(folder: Path) -> Spec:
    path = folder / "forest.onnx"
    path.write_bytes(model())
    digest = hashlib.sha256(model()).hexdigest()
    file = ModelFile(path, path.name, digest, len(model()))
    return Spec(str(uuid.uuid4()), "production", NAME, "1", file)


def until(look: Callable[[], object], limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.001)


def bring_up(target: LocalTarget, spec: Spec) -> float:
    """Return how many seconds it took from asking to ready."""
    start = time.perf_counter()
    target.apply(spec)
    until(lambda: target.observe(spec.deployment_id).phase is Phase.READY)
    return time.perf_counter() - start


@contextlib.contextmanager
def child(folder: Path) -> Iterator[int]:
    """Run one model process on a TCP port, which any load generator can reach."""
    spec, zygote = new_spec(folder), ZygoteClient(folder / "zygote.log")
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    reading, writing = os.pipe()
    files = {
        "report": writing,
        "model": os.open(spec.file.path, os.O_RDONLY),
        "log": open_for_append(folder / "child.log"),
        "listener": listener.fileno(),
    }
    message = {
        "id": "bench",
        "run": "serve",
        "record_path": str(folder / "bench.json"),
        "record": {},
        "job": serving_job(spec, Folders(folder), "bench"),
    }
    zygote.fork(message, files)
    for name in ("report", "model", "log"):
        os.close(files[name])
    listener.close()
    os.read(reading, 100)  # it says when it is ready
    os.close(reading)
    zygote.listen()
    try:
        yield port
    finally:
        os.kill(zygote.started["bench"][0], 15)
        zygote.close()


@contextlib.contextmanager
def gateway(data_dir: Path) -> Iterator[int]:
    port = _free_port()
    command = [sys.executable, "-m", "deployments.gateway"]
    command += ["--data-dir", str(data_dir), "--port", str(port)]
    with _running(command, port, "/healthz"):
        yield port


@contextlib.contextmanager
def mlserver(python: str) -> Iterator[int]:
    """Run MLServer from an environment of its own; workers inside its process."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), _free_port()
        (folder / "forest.onnx").write_bytes(model())
        settings = {
            "http_port": port,
            "grpc_port": _free_port(),
            "metrics_port": _free_port(),
            "host": "127.0.0.1",
            "parallel_workers": 0,
            "debug": False,
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        its_model = {
            "name": NAME,
            "implementation": "onnx_runtime.OnnxModel",
            "parameters": {"uri": str(folder / "forest.onnx"), "version": "1"},
        }
        (folder / "model-settings.json").write_text(json.dumps(its_model))
        command = [str(Path(python).parent / "mlserver"), "start", name]
        with _running(command, port, "/v2/health/ready", PYTHONPATH=str(ANCHOR)):
            yield port


@contextlib.contextmanager
def routed(data_dir: Path) -> Iterator[tuple[LocalTarget, Spec]]:
    """Run a target with one deployment that its slot's route names."""
    with LocalTarget(data_dir) as target:
        spec = new_spec(data_dir)
        bring_up(target, spec)
        entry = RouteEntry(spec.deployment_id, "1")
        target.route(Route("production", NAME, (entry,), frozenset({KEY})))
        yield target, spec


@contextlib.contextmanager
def _running(
    command: list[str], port: int, path: str, **environment: str
) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603 - ours
        command,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: _answers(port, path))
        yield
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
