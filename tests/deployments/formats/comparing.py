"""Serves the models of `cases` as a model process does, and compares the answers."""

import asyncio
import json
import os
import pickle
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from deployments.serving.child.app import ModelServer
from deployments.serving.child.runner import Runner
from deployments.serving.formats import LoadOptions, ModelFormat, load, reader
from deployments.serving.formats.conversion import convert
from deployments.serving.terms import Manifest
from lifecycle import mlmodel

HERE = Path(__file__).parent
LARGEST = 64 << 20


@dataclass(frozen=True)
class Compared:
    """A line of the table: `difference` is the largest one, relative to the value."""

    name: str
    flavour: str
    compared: str
    allowed: float
    rows: int
    difference: float
    other_labels: int

    @property
    def is_equal(self) -> bool:
        return self.difference <= self.allowed and self.other_labels == 0


def run(script: str, place: Path, *names: str, python: str = sys.executable) -> None:
    """Run one of the scripts beside this file in a process of its own."""
    subprocess.run(
        [python, HERE / script, place, *names],
        check=True,
        cwd=place,
        env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "HOME": str(place)},
        capture_output=True,
        text=True,
    )


def compare(place: Path) -> Compared:
    """Serve one case's model, ask it all rows, and compare with its own library."""
    told = json.loads((place / "case.json").read_text())
    with (place / "rows.pkl").open("rb") as file:
        rows = pickle.load(file)
    with (place / "want.pkl").open("rb") as file:
        want = pickle.load(file)
    with threadpool_limits(1):  # as in a model process: sums depend on it
        got = answered(served(place, told), request(rows))
    assert list(got)[: len(want)] == list(want), (list(got), list(want))
    differences = [difference(got[name], one) for name, one in want.items()]
    others = [other_labels(got[name], one) for name, one in want.items()]
    return Compared(
        told["name"],
        told["flavour"],
        told["compared"],
        told["relative"],
        len(rows),
        max(differences),
        sum(others),
    )


def served(place: Path, told: dict) -> ModelServer:
    options = LoadOptions(allows_code=True, manifest=manifest(place))
    content = (place / told["path"]).read_bytes()
    model = load(content, options)
    if told["converts"]:
        converted = convert(model, options)
        model = reader(ModelFormat.ONNX, options.reading).read(converted, options)
    return ModelServer(
        model, name="m", version="1", runner=Runner(60), max_bytes=LARGEST
    )


def manifest(place: Path) -> Manifest:
    found = place / mlmodel.NAME
    if not found.exists():
        return Manifest()
    return Manifest(**asdict(mlmodel.read(found.read_bytes()).predict_spec))


def request(rows) -> dict:
    """Return the rows as a client sends them."""
    if hasattr(rows, "columns"):
        plain = rows.astype(object).where(rows.notna(), None)
        return {
            "dataframe_split": {
                "columns": [str(name) for name in rows.columns],
                "data": plain.to_numpy().tolist(),
            }
        }
    if isinstance(rows, np.ndarray) and rows.dtype.kind == "f":
        missing = np.isnan(rows)
        rows = rows.astype(object)
        rows[missing] = None
    return {"instances": rows.tolist() if isinstance(rows, np.ndarray) else rows}


def answered(server: ModelServer, body: dict) -> dict[str, np.ndarray]:
    """Return what the server answers, as the types that its metadata declares."""
    status, found = asyncio.run(call(server, "POST", "/", body))
    assert status == 200, found
    types = {each.name: each for each in server.model.outputs}
    return {
        name: np.array(values, dtype=object)
        if types[name].datatype == "BYTES"
        else np.array(values, dtype=float)
        for name, values in found["outputs"].items()
    }


async def call(server: ModelServer, method: str, path: str, body=None):
    sent = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(body).encode()}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    await server(scope, receive, send)
    return sent[0]["status"], json.loads(sent[1]["body"])


def difference(got, want) -> float:
    if want.dtype.kind not in "fiu":
        return 0.0
    assert got.shape == want.shape, (got.shape, want.shape)
    got = got.astype(want.dtype).astype(np.float64)
    want = want.astype(np.float64)
    off = np.abs(got - want) / np.maximum(np.abs(want), 1e-3)
    off[np.isnan(got) & np.isnan(want)] = 0.0
    assert not np.isnan(off).any()
    return float(off.max(initial=0.0))


def other_labels(got, want) -> int:
    if want.dtype.kind == "f":
        return 0
    assert got.shape == want.shape, (got.shape, want.shape)
    if want.dtype.kind in "OUST":
        return int((got.astype(str) != want.astype(str)).sum())
    return int((got.astype(float) != want.astype(float)).sum())
