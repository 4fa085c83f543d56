"""MLflow python_function folders, built by hand: no MLflow is needed to load them."""

import hashlib
import json
import tempfile
from pathlib import Path

from deployments.serving.terms import FolderFile, ModelFile, PyfuncFolder

SUM = """
class Model:
    def __init__(self, bias):
        self.bias = bias

    def predict(self, columns):
        return columns["a"] + columns["b"] + self.bias


def _load_pyfunc(path):
    with open(path) as file:
        return Model(float(file.read()))
"""
COLUMNS = json.dumps(
    [
        {"type": "double", "name": "a", "required": True},
        {"type": "double", "name": "b", "required": True},
    ]
)
ONE_NUMBER = json.dumps(
    [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]
)
TWO_WIDE = json.dumps(
    [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]
)


def predicting(body: str, before: str = "") -> str:
    """Return a module whose model answers with `body`, from its argument `given`."""
    return f"""
{before}

class Model:
    def predict(self, given):
        {body}


def _load_pyfunc(path):
    return Model()
"""


def contents(code: str = SUM, **fields: str) -> dict[str, bytes]:
    """Return the files of a folder by path, its MLmodel among them."""
    told = {"loader_module": "made_by_hand", "code": "code", "data": "data/bias.txt"}
    signature = {"inputs": fields.get("inputs", COLUMNS), "outputs": ONE_NUMBER}
    signature["outputs"] = fields.get("outputs", ONE_NUMBER)
    manifest = {
        "flavors": {"python_function": {**told, **fields.get("flavor", {})}},
        "signature": signature,
    }
    return {
        "MLmodel": json.dumps(manifest).encode(),
        "code/made_by_hand.py": code.encode(),
        "data/bias.txt": b"0.5",
        "requirements.txt": b"a-package-that-is-not-here==1.0\n",
    }


def stored(place: Path, code: str = SUM, **fields: str) -> ModelFile:
    """Write a folder's files as the registry keeps them, under other names."""
    place = Path(tempfile.mkdtemp(dir=place))
    files = []
    for number, (path, content) in enumerate(contents(code, **fields).items()):
        (place / str(number)).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files.append(FolderFile(path, place / str(number), digest))
    folder = PyfuncFolder(
        tuple(files),
        "made_by_hand",
        "code",
        "data/bias.txt",
        fields.get("inputs", COLUMNS),
        fields.get("outputs", ONE_NUMBER),
    )
    size = len(contents(code, **fields)["MLmodel"])
    digest = hashlib.sha256(repr(files).encode()).hexdigest()
    return ModelFile(place / "0", "model/MLmodel", digest, size, folder=folder)
