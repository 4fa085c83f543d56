"""onnx's own node tests: what onnxruntime answers itself, and what the protocol does.

https://github.com/onnx/onnx/tree/main/onnx/backend/test/case/node: a model of one
operator each, with inputs and the outputs that are right.
"""

import importlib
import json
import pkgutil
import struct
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from ml_dtypes import bfloat16

from deployments.serving.child.app import ModelServer
from deployments.serving.child.runner import Runner
from deployments.serving.formats import LoadOptions, load
from deployments.serving.oip.datatypes import NUMPY, name_of
from deployments.serving.terms import TargetRefused
from tests.deployments.targets.models import onnx_bytes

INFER = "/v2/models/node/infer"
JSON, BINARY = "JSON", "binary"
BFLOAT16 = 16
MAX_BYTES = 1 << 28
Post = Callable[[str, bytes, int | None], tuple[int, bytes, int | None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a test: `equal`, `no word`, `not run` or `different`, and why."""

    name: str
    kind: str
    why: str = ""


def cases(*modules: str) -> Iterator[Any]:
    """Yield the tests of the named modules, or of all of them."""
    from onnx.backend.test.case import node  # noqa: PLC0415 - makes its tests as it is read

    found = pkgutil.walk_packages(node.__path__, f"{node.__name__}.")
    names = [f"{node.__name__}.{each}" for each in modules] or [e.name for e in found]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each in names:
            importlib.import_module(each)
    seen = set()
    for case in node._NodeTestCases:
        if case.name not in seen:
            seen.add(case.name)
            yield case


def judged(case: Any, server: ModelServer, post: Post) -> Outcome:
    """Run a test by onnxruntime and over the protocol, in JSON and as bytes."""
    content = case.model.SerializeToString()
    try:
        kinds = _kinds(content)
    except Exception as error:  # noqa: BLE001 - whatever onnxruntime raises
        return Outcome(case.name, "not run", _first_line(error))
    try:
        server.take(load(content, LoadOptions()))
    except TargetRefused as refused:
        kind = "no word" if kinds - SPOKEN else "different"
        return Outcome(
            case.name, kind, ", ".join(sorted(kinds - SPOKEN)) or str(refused)
        )
    try:
        sets = [_direct(content, case, each) for each in case.data_sets]
    except Exception as error:  # noqa: BLE001 - whatever onnxruntime raises
        return Outcome(case.name, "not run", _first_line(error))
    if not all(is_right for *_, is_right in sets):
        return Outcome(case.name, "not run", "its own answer is another")
    for feeds, answers, _ in sets:
        for form in (JSON, BINARY):
            if why := _differs(feeds, answers, form, server, post):
                return Outcome(case.name, "different", why)
    return Outcome(case.name, "equal")


KINDS = """
bool uint8 uint16 uint32 uint64 int8 int16 int32 int64
float16 bfloat16 float double string
"""
SPOKEN = {f"tensor({kind})" for kind in KINDS.split()}
SPOKEN |= {f"seq({each})" for each in SPOKEN}
SPOKEN |= {f"optional({each})" for each in SPOKEN}


def _kinds(content: bytes) -> set[str]:
    session = ort.InferenceSession(content, _quiet(), ["CPUExecutionProvider"])
    return {each.type for each in (*session.get_inputs(), *session.get_outputs())}


def _quiet() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return options


def _direct(content: bytes, case: Any, data: Any) -> tuple[dict, list, bool]:
    """Return the inputs by name, onnxruntime's answer, and whether it is right."""
    session = ort.InferenceSession(content, _quiet(), ["CPUExecutionProvider"])
    given, want = ([_plain(each) for each in side] for side in data)
    names = [each.name for each in session.get_inputs()]
    feeds = dict(
        zip([each.name for each in case.model.graph.input], given, strict=False)
    )
    feeds = {name: feeds[name] for name in names if feeds.get(name) is not None}
    if _has_half(session):
        values = {name: _as_value(value) for name, value in feeds.items()}
        found = [_of_value(each) for each in session.run_with_ort_values(None, values)]
    else:
        found = session.run(None, feeds)
    is_right = len(found) == len(want) and all(
        _is_close(have, each, case) for have, each in zip(found, want, strict=True)
    )
    outputs = [each.name for each in session.get_outputs()]
    return feeds, list(zip(outputs, found, strict=True)), is_right


def _plain(value: Any) -> Any:
    """Return an array, or a list of them, where a test has a message of onnx's."""
    from onnx import numpy_helper  # noqa: PLC0415 - as above

    readers = {
        "TensorProto": numpy_helper.to_array,
        "SequenceProto": numpy_helper.to_list,
        "OptionalProto": numpy_helper.to_optional,
    }
    if (reader := readers.get(type(value).__name__)) is not None:
        value = reader(value)
    return np.asarray(value) if isinstance(value, np.generic) else value


def _has_half(session: ort.InferenceSession) -> bool:
    both = (*session.get_inputs(), *session.get_outputs())
    return any(each.type == "tensor(bfloat16)" for each in both)


def _as_value(array: np.ndarray) -> ort.OrtValue:
    if array.dtype == bfloat16:
        bits = np.ascontiguousarray(array).view(np.uint16)
        make = ort.OrtValue.ortvalue_from_numpy_with_onnx_type
        return make(bits, BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array))


def _of_value(value: ort.OrtValue) -> np.ndarray:
    if value.element_type() != BFLOAT16:
        return value.numpy()
    wide = ort.InferenceSession(_widening(), _quiet(), ["CPUExecutionProvider"])
    (found,) = wide.run_with_ort_values(None, {"x": value})
    return found.numpy().astype(bfloat16)


def _widening() -> bytes:
    """Return a model that makes bfloat16 single precision, which loses nothing."""
    from onnx import TensorProto, helper  # noqa: PLC0415 - as above

    given = helper.make_tensor_value_info("x", TensorProto.BFLOAT16, None)
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)
    graph = helper.make_graph([node], "wide", [given], [answer])
    opset = [helper.make_opsetid("", 21)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    return model.SerializeToString()


def _is_close(have: Any, want: Any, case: Any) -> bool:
    if isinstance(have, list) or isinstance(want, list):
        return len(have) == len(want) and all(
            _is_close(one, other, case) for one, other in zip(have, want, strict=True)
        )
    if have is None or want is None:
        return have is want
    have, want = np.asarray(have), np.asarray(want)
    if have.shape != want.shape:
        return False
    if "O" in (have.dtype.kind, want.dtype.kind) or want.dtype.kind in "US":
        return have.astype(object).tolist() == want.astype(object).tolist()
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    rtol, atol = case.rtol, case.atol
    return np.allclose(have.astype(wide), want.astype(wide), rtol, atol, equal_nan=True)


# The protocol -------------------------------------------------------------------------


def _differs(
    feeds: dict, answers: list, form: str, server: ModelServer, post: Post
) -> str:
    """Return how the served answer is another than onnxruntime's, else ""."""
    entries, tail = [], b""
    for name, value in feeds.items():
        expected = {each.name: each for each in server.model.inputs}[name]
        for each, array in _flat(name, value, expected.datatype):
            entry, raw = _entry(each, array, form)
            entries.append(entry)
            tail += raw
    head = {"inputs": entries, "parameters": {"binary_data_output": form == BINARY}}
    text = json.dumps(head).encode()
    length = len(text) if form == BINARY else None
    status, body, json_bytes = post(INFER, text + tail, length)
    if status != 200:
        return f"{status}: {body[:200]!r}"
    return _compared(body, json_bytes, answers, server)


def _compared(
    body: bytes, json_bytes: int | None, answers: list, server: ModelServer
) -> str:
    end = len(body) if json_bytes is None else json_bytes
    found, tail = json.loads(body[:end])["outputs"], body[end:]
    types = {each.name: each.datatype for each in server.model.outputs}
    want = [
        pair
        for name, value in answers
        for pair in _flat(name, value, types[name])
        if value is not None
    ]
    if [each["name"] for each in found] != [name for name, _ in want]:
        return f"the names are {[each['name'] for each in found]}"
    for entry, (name, array) in zip(found, want, strict=True):
        have, tail = _array(entry, tail)
        if not _is_same(have, np.asarray(array)):
            return f"{name} is another"
    return f"{len(tail)} bytes are left" if tail else ""


def _flat(name: str, value: Any, datatype: str) -> list[tuple[str, np.ndarray]]:
    if not isinstance(value, list):
        return [(name, np.asarray(value))]
    if not value:
        return [(name, np.empty(0, NUMPY[datatype]))]
    return [(f"{name}[{place}]", np.asarray(each)) for place, each in enumerate(value)]


def _entry(name: str, array: np.ndarray, form: str) -> tuple[dict, bytes]:
    entry = {
        "name": name,
        "shape": list(array.shape),
        "datatype": name_of(array.dtype),
    }
    if form == BINARY:
        raw = _raw(array)
        return {**entry, "parameters": {"binary_data_size": len(raw)}}, raw
    flat = array.reshape(-1)
    if entry["datatype"] == "BF16":
        flat = flat.astype(np.float32)
    return {**entry, "data": [_word(each) for each in flat.tolist()]}, b""


def _word(value: Any) -> Any:
    if isinstance(value, float) and not np.isfinite(value):
        return {np.inf: "Infinity", -np.inf: "-Infinity"}.get(value, "NaN")
    return value


def _raw(array: np.ndarray) -> bytes:
    if array.dtype.kind not in "OUS":
        return np.ascontiguousarray(array).tobytes()
    texts = [each.encode() for each in array.reshape(-1).tolist()]
    return b"".join(struct.pack("<I", len(each)) + each for each in texts)


def _array(entry: dict, tail: bytes) -> tuple[np.ndarray, bytes]:
    size = entry.get("parameters", {}).get("binary_data_size")
    shape, kind = entry["shape"], NUMPY[entry["datatype"]]
    if size is None:
        values = entry["data"]
        if entry["datatype"] != "BYTES":
            values = [_number(each) for each in values]
        return np.array(values, dtype=np.dtype(kind)).reshape(shape), tail
    raw, tail = tail[:size], tail[size:]
    if entry["datatype"] != "BYTES":
        return np.frombuffer(raw, np.dtype(kind)).reshape(shape), tail
    texts = []
    while raw:
        (length,) = struct.unpack("<I", raw[:4])
        texts.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return np.array(texts, dtype=object).reshape(shape), tail


def _number(value: Any) -> Any:
    return float(value.lower()) if isinstance(value, str) else value


def _is_same(have: np.ndarray, want: np.ndarray) -> bool:
    """Tell whether two arrays are the same bit for bit, whatever NaN they have."""
    if have.shape != want.shape:
        return False
    if have.dtype == object or want.dtype.kind in "OUS":
        return have.tolist() == want.astype(object).tolist()
    if have.dtype != want.dtype:
        return False
    if have.dtype.kind not in "biu":
        have, want = have.astype(np.float64), want.astype(np.float64)
    return np.array_equal(have, want, equal_nan=have.dtype.kind == "f")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:200]


def new_server() -> ModelServer:
    """Return a model server of some model, in whose place others come."""
    first = load(onnx_bytes(), LoadOptions())
    return ModelServer(
        first, name="node", version="1", runner=Runner(60), max_bytes=MAX_BYTES
    )


def in_process(server: ModelServer) -> Post:
    """Return what posts to the server as ASGI, without a socket."""
    import asyncio  # noqa: PLC0415 - used here alone

    def post(path: str, body: bytes, json_bytes: int | None):
        sent = []

        async def receive():
            return {"type": "http.request", "body": body}

        async def send(message):
            sent.append(message)

        name = b"inference-header-content-length"
        headers = [] if json_bytes is None else [(name, b"%d" % json_bytes)]
        scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
        asyncio.run(server(scope, receive, send))
        length = dict(sent[0]["headers"]).get(name)
        found = None if length is None else int(length)
        return sent[0]["status"], sent[1]["body"], found

    return post
