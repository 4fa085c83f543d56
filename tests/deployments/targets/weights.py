"""ONNX models that keep their weights in other files, as onnx itself saves them."""

import hashlib
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from deployments.serving.terms import DataFile, ModelFile

WIDTH = 1024
LAYER_BYTES = WIDTH * WIDTH * 4
OPSETS = [helper.make_opsetid("", 17)]


def model_of(layers: int) -> onnx.ModelProto:
    """Return a model of so many layers of 4 MiB; what comes in is WIDTH wide."""
    return _model([_tensor(number) for number in range(layers)])


def streamed(folder: Path, layers: int) -> dict[str, Path]:
    """Write such a model in two files, however large; return them by their names."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    tensors = [_tensor(number) for number in range(layers)]
    with (folder / "weights.bin").open("wb") as file:
        for tensor in tensors:
            put_outside(tensor, "weights.bin", file.tell(), LAYER_BYTES)
            file.write(tensor.raw_data)
            tensor.ClearField("raw_data")
    (folder / "model.onnx").write_bytes(_model(tensors).SerializeToString())
    return _files(folder)


def put_outside(tensor: TensorProto, location: str, offset: int, length: int) -> None:
    """Let a tensor say that its bytes are in another file."""
    tensor.data_location = TensorProto.EXTERNAL
    said = {"location": location, "offset": str(offset), "length": str(length)}
    for key, value in said.items():
        tensor.external_data.add(key=key, value=value)


def _tensor(number: int) -> TensorProto:
    return numpy_helper.from_array(np.roll(_block(), number, axis=1), f"w{number}")


@cache
def _block() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.standard_normal((WIDTH, WIDTH), dtype=np.float32) / 32


def _model(weights: list[TensorProto]) -> onnx.ModelProto:
    nodes = [
        helper.make_node("MatMul", [_value(number), tensor.name], [_value(number + 1)])
        for number, tensor in enumerate(weights)
    ]
    nodes.append(helper.make_node("Identity", [_value(len(weights))], ["y"]))
    given, answer = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, WIDTH])
        for name in "xy"
    ]
    graph = helper.make_graph(nodes, "deep", [given], [answer], weights)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=9)


def _value(number: int) -> str:
    return f"h{number}" if number else "x"


def saved(model: onnx.ModelProto, folder: Path, **options) -> dict[str, Path]:
    """Save a model with its weights beside it; return the files by their names."""
    folder = Path(tempfile.mkdtemp(dir=folder))
    how = {"location": "weights.bin", "size_threshold": 0, **options}
    onnx.save_model(model, folder / "model.onnx", save_as_external_data=True, **how)
    return _files(folder)


def _files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def registered(files: dict[str, Path]) -> ModelFile:
    """Return the model as the registry knows it, with all files beside it."""
    file = files["model.onnx"]
    data = tuple(
        DataFile(name, path, path.stat().st_size, digest_of(path))
        for name, path in files.items()
        if path != file
    )
    return ModelFile(
        file, "model.onnx", digest_of(file), file.stat().st_size, data=data
    )


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pss_bytes(pid: int) -> int:
    """Return a process's memory, each page divided by how many processes have it."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)
