"""An image of 3x640x640 in JSON and as a binary tensor, through the gateway."""

import hashlib
import http.client
import json
import statistics
import time
import uuid
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from bench.serving import servers
from deployments.serving.terms import ModelFile, Route, RouteEntry, Spec
from deployments.targets.local import LocalTarget

SHAPE = (1, 3, 640, 640)
DIGITS, TIMES = 7, 9
NAME = "image"
PATH = f"/serving/production/{NAME}/v2/models/{NAME}/infer"
OK = 200


def compared(folder: Path) -> str:
    """Return a row for each form: the request's size, the median, how much faster."""
    with LocalTarget(folder) as target:
        spec = _spec(folder)
        servers.bring_up(target, spec)
        entry = RouteEntry(spec.deployment_id, "1")
        target.route(Route("production", NAME, (entry,), frozenset({servers.KEY})))
        with servers.gateway(folder) as port:
            return _table(port)


def _table(port: int) -> str:
    image = np.random.default_rng(0).random(SHAPE, np.float32)
    forms = {"JSON, 7 digits": _json(image), "binary": _binary(image)}
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(TIMES):
        for name, (body, headers) in forms.items():
            times[name].append(_ask(port, body, headers))
    medians = {name: statistics.median(each) for name, each in times.items()}
    slowest = max(medians.values())
    rows = [
        f"| {name} | {len(body) / 1e6:.1f} MB | {medians[name] * 1000:.1f} ms "
        f"| {slowest / medians[name]:.1f} times |"
        for name, (body, _) in forms.items()
    ]
    head = "| 3x640x640 FP32 | request | median | faster |\n|---|---:|---:|---:|\n"
    return head + "\n".join(rows)


def _json(image: np.ndarray) -> tuple[bytes, dict[str, str]]:
    numbers = ",".join(f"{value:.{DIGITS}g}" for value in image.ravel().tolist())
    entry = {"name": "x", "shape": SHAPE, "datatype": "FP32", "data": []}
    text = json.dumps({"inputs": [entry]}).replace("[]", f"[{numbers}]")
    return text.encode(), {}


def _binary(image: np.ndarray) -> tuple[bytes, dict[str, str]]:
    entry = {
        "name": "x",
        "shape": SHAPE,
        "datatype": "FP32",
        "parameters": {"binary_data_size": image.nbytes},
    }
    head = {"inputs": [entry], "parameters": {"binary_data_output": True}}
    text = json.dumps(head).encode()
    return text + image.tobytes(), {"Inference-Header-Content-Length": str(len(text))}


def _ask(port: int, body: bytes, headers: dict[str, str]) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    start = time.perf_counter()
    key = {"Authorization": "Bearer bench"}
    connection.request("POST", PATH, body, {**key, **headers})
    answer = connection.getresponse()
    found = answer.read()
    took = time.perf_counter() - start
    connection.close()
    if answer.status != OK:
        raise RuntimeError(found[:300].decode())
    return took


def _spec(folder: Path) -> Spec:
    content = _model()
    path = folder / "image.onnx"
    path.write_bytes(content)
    file = ModelFile(path, path.name, hashlib.sha256(content).hexdigest(), len(content))
    return Spec(str(uuid.uuid4()), "production", NAME, "1", file)


def _model() -> bytes:
    """Return a model that answers an image's mean colours."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, *SHAPE[1:]])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3, 1, 1])
    node = helper.make_node("GlobalAveragePool", ["x"], ["y"])
    graph = helper.make_graph([node], "colours", [given], [answer])
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return model.SerializeToString()
