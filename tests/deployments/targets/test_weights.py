"""ONNX models whose weights lie in other files: what may be there, and who has it."""

import os
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from deployments.serving.child.datafiles import DataFiles
from deployments.serving.formats import onnx as onnx_format
from deployments.serving.formats.base import LoadOptions
from deployments.serving.formats.external import SHARED_FROM, ExternalWeights
from deployments.serving.formats.onnx_audit import audit
from deployments.serving.terms import TargetRefused
from tests.deployments.targets import hostile, models, weights
from tests.deployments.targets.asking import ask_each
from tests.deployments.targets.suite import TargetSuite, is_gone, serve
from tests.deployments.targets.test_local import records
from tests.deployments.targets.waiting import until

INFER = "/v2/models/iris/infer"
ROW = np.linspace(-1, 1, weights.WIDTH, dtype=np.float32).reshape(1, -1)
BODY = {
    "inputs": [
        {"name": "x", "datatype": "FP32", "shape": [*ROW.shape], "data": ROW.tolist()}
    ]
}
SIZE = 8
SHARED_LAYERS = SHARED_FROM // weights.LAYER_BYTES
SAMPLE_LAYERS = 24


def expected(files):
    """Return what onnxruntime itself answers, from the files as they were saved."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(files["model.onnx"], options)
    return session.run(None, {"x": ROW})[0]


def loaded(files):
    """Return the model as a process reads it."""
    data = {
        name: memoryview(path.read_bytes())
        for name, path in files.items()
        if name != "model.onnx"
    }
    content = files["model.onnx"].read_bytes()
    audit(content, {name: len(each) for name, each in data.items()})
    return onnx_format.read(content, LoadOptions(weights=ExternalWeights(data)))


class TestSuite(TargetSuite):
    """The shared suite, with a model in two files."""

    @pytest.fixture
    def target(self, local):
        return local

    @pytest.fixture
    def good(self, tmp_path):
        return models.spec_of(weights.registered(weights.streamed(tmp_path, 1)))

    @pytest.fixture
    def bad(self, good):
        return replace(good, file=replace(good.file, data=()))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"location": "weights"},
        {"all_tensors_to_one_file": False},
        {"convert_attribute": True},
    ],
    ids=["one file", "without an ending", "a file for each tensor", "attributes too"],
)
def test_what_onnx_saved_answers_to_the_bit(tmp_path, options):
    files = weights.saved(weights.model_of(2), tmp_path, **options)

    ((_, answer),) = loaded(files).predict({"x": ROW}, ())

    np.testing.assert_array_equal(answer, expected(files))


def test_large_weights_are_used_where_they_lie(tmp_path):
    files = weights.streamed(tmp_path, SHARED_LAYERS)

    model = loaded(files)
    ((_, answer),) = model.predict({"x": ROW}, ())

    np.testing.assert_allclose(answer, expected(files), rtol=1e-4, atol=1e-5)
    assert model.notes == (onnx_format.SHARED,)


OPSETS = [onnx.helper.make_opsetid("", 17)]
OPERATORS = {
    "convolved": ([("Conv", ["a", "w"], ["y"])], {"w": (64, 8, 9, 9)}, [1, 8, 9, 9]),
    "folded": (
        [("Transpose", ["w"], ["t"]), ("MatMul", ["a", "t"], ["y"])],
        {"w": (512, 64)},
        [2, 64],
    ),
    "normalized": (
        [
            ("MatMul", ["a", "w"], ["m"]),
            ("BatchNormalization", ["m", *"sbuv"], ["y"]),
        ],
        {"w": (64, 512), "s": (512,), "b": (512,), "u": (512,), "v": (512,)},
        [2, 64],
    ),
    "gathered": (
        [
            ("Cast", ["a"], ["i"]),
            ("Gather", ["w", "i"], ["y"]),
        ],
        {"w": (512, 64)},
        [3],
    ),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_whatever_an_optimization_reads_of_weights_is_there(tmp_path, name):
    steps, shapes, given = OPERATORS[name]
    random = np.random.default_rng(0)
    # One more, which nothing uses, makes the files large enough to be shared.
    values = {
        key: np.abs(random.standard_normal(shape, dtype=np.float32))
        for key, shape in {**shapes, "more": (SHARED_FROM // 4,)}.items()
    }
    nodes = [
        onnx.helper.make_node(
            kind, taken, made, **({"to": 7} if kind == "Cast" else {})
        )
        for kind, taken, made in steps
    ]
    graph = onnx.helper.make_graph(
        nodes,
        name,
        [onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, given)],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(value, key) for key, value in values.items()],
    )
    made = onnx.helper.make_model(graph, opset_imports=OPSETS, ir_version=9)
    files = weights.saved(made, tmp_path)
    row = np.ones(given, np.float32)

    ((_, answer),) = loaded(files).predict({"a": row}, ())

    want = ort.InferenceSession(files["model.onnx"]).run(None, {"a": row})[0]
    np.testing.assert_allclose(answer, want, rtol=1e-5)


class TestTheFilesThatWereRegistered:
    @pytest.fixture
    def files(self, tmp_path):
        return weights.streamed(tmp_path, 1)

    @pytest.fixture
    def refusal(self, local):
        def ask_why(file):
            spec = models.spec_of(file)
            with pytest.raises(TargetRefused) as caught:
                until(lambda: local.validate(spec))
            return str(caught.value)

        return ask_why

    def test_a_changed_byte_is_refused(self, files, refusal):
        file = weights.registered(files)
        with files["weights.bin"].open("r+b") as changed:
            changed.seek(weights.LAYER_BYTES // 2)
            changed.write(b"x")

        assert "The checksum (SHA-256) of 'weights.bin' is not the" in refusal(file)

    def test_one_that_grew_or_is_gone_is_refused(self, files, refusal):
        file = weights.registered(files)
        with files["weights.bin"].open("ab") as grown:
            grown.write(b"x")
        assert "holds 4194305 bytes; 4194304 were registered" in refusal(file)

        files["weights.bin"].unlink()
        assert "'weights.bin' is missing from the store" in refusal(file)

    def test_a_link_in_its_place_is_refused(self, files, refusal):
        file = weights.registered(files)
        moved = files["weights.bin"].rename(files["weights.bin"].with_name("moved"))
        files["weights.bin"].symlink_to(moved)

        assert "'weights.bin' cannot be read" in refusal(file)

    @pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
    def test_a_folder_or_a_pipe_in_its_place_does_not_hang(self, files, make):
        file = weights.registered(files)
        files["weights.bin"].unlink()
        make(files["weights.bin"])

        told = [
            {"path": one.path, "stored": str(one.stored), "size_bytes": 1, "sha256": ""}
            for one in file.data
        ]

        with pytest.raises(TargetRefused, match="no regular file"):
            DataFiles(told).verified()

    def test_without_its_file_it_says_what_to_do(self, files, refusal):
        file = replace(weights.registered(files), data=())

        said = refusal(file)

        assert "'w0' in another file ('weights.bin'), which was not uploaded" in said
        assert "Upload that file under this name into the folder of the .onnx" in said

    def test_of_a_larger_file_only_what_is_named_is_read(self, tmp_path):
        files = weights.saved(weights.model_of(1), tmp_path)
        with files["weights.bin"].open("ab") as grown:
            grown.write(b"more")

        ((_, answer),) = loaded(files).predict({"x": ROW}, ())

        np.testing.assert_array_equal(answer, expected(files))


HOSTILE = {
    "climbing": "../weights.bin",
    "climbing within": "deep/../weights.bin",
    "climbing by the folder's own name": "../model/weights.bin",
    "absolute": "/etc/passwd",
    "itself": "model.onnx",
    "here": "./weights.bin",
    "doubled": ".//weights.bin",
    "ending in a slash": "weights.bin/",
    "another case": "Weights.bin",
    "with a NUL": "weights.bin\0",
    "with a NUL and more": "weights.bin\0/../../etc/passwd",
    "with a blank": "weights.bin ",
    "of another form of Unicode": "weights\u0301.bin",
    "encoded": "weights%2ebin",
    "not in the list": "other.bin",
    "nothing": "",
    "a folder": ".",
    "a drive": "C:weights.bin",
    "backslash": "..\\weights.bin",
    "a link of the process": "/proc/self/fd/3",
    "memory": "*/_ORT_MEM_ADDR_/*",
    "memory of another order": "*/_ORT_MEM_LE_ADDR_/*",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_is_not_in_the_list_is_refused_in_every_place(name):
    for place in hostile.places():
        model, tensor = hostile.model_with(place)
        hostile.make_external(tensor, HOSTILE[name], SIZE)

        with pytest.raises(TargetRefused, match="in another file"):
            audit(model.SerializeToString(), {"weights.bin": SIZE})


def test_a_name_in_the_list_is_taken_in_every_place():
    for place in hostile.places():
        model, tensor = hostile.model_with(place)
        hostile.make_external(tensor, "weights.bin", SIZE)

        audit(model.SerializeToString(), {"weights.bin": SIZE})


@pytest.mark.parametrize("name", hostile.carriers("weights.bin", SIZE))
def test_wherever_it_stands_the_file_is_read_and_no_other(name):
    content = hostile.carriers("weights.bin", SIZE)[name]
    files = {"weights.bin": memoryview(b"the file")}

    model = onnx_format.read(content, LoadOptions(weights=ExternalWeights(files)))
    ((_, answer),) = model.predict({"x": np.zeros(1, np.float32)}, ("y",))

    assert answer.tobytes() == b"the file"


BEYOND = {
    "past its end": {"offset": "1"},
    "far past its end": {"offset": "9" * 18},
    "longer": {"length": "9"},
    "shorter": {"length": "7"},
    "before it": {"offset": "-1"},
    "negative": {"length": "-8"},
    "no number": {"offset": "0x0"},
    "a blank": {"offset": " 0"},
    "too many digits": {"offset": "0" * 19},
    "another digit": {"offset": "\u0660"},
    "an unknown word": {"basepath": "/etc"},
    "packed": {"prepacked_0": "x|0;8;0"},
}


@pytest.mark.parametrize("name", BEYOND)
def test_bytes_that_the_file_does_not_have_are_refused(name):
    model, tensor = hostile.model_with(hostile.messages()["onnx.TensorProto"])
    hostile.make_external(tensor, "weights.bin", SIZE)
    said = {entry.key: entry.value for entry in tensor.external_data} | BEYOND[name]
    del tensor.external_data[:]
    for key, value in said.items():
        tensor.external_data.add(key=key, value=value)

    with pytest.raises(TargetRefused):
        audit(model.SerializeToString(), {"weights.bin": SIZE})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.dims.append(-8), "type and shape cannot be"),
        (lambda one: one.dims.extend([1 << 62] * 64), "take"),
        (lambda one: setattr(one, "data_type", 8), "type and shape cannot be"),
        (lambda one: setattr(one, "data_type", 99), "type and shape cannot be"),
        (lambda one: setattr(one, "raw_data", b"12345678"), "within it, too"),
        (lambda one: one.ClearField("data_location"), "within it, too"),
        (lambda one: one.external_data.add(key="offset", value="0"), "not known here"),
    ],
)
def test_a_tensor_that_contradicts_itself_is_refused(change, said):
    model, tensor = hostile.model_with(hostile.messages()["onnx.TensorProto"])
    hostile.make_external(tensor, "weights.bin", SIZE)
    change(tensor)

    with pytest.raises(TargetRefused, match=said):
        audit(model.SerializeToString(), {"weights.bin": SIZE})


def test_a_model_that_no_protocol_buffer_can_be_is_told_what_to_do(tmp_path, local):
    path = tmp_path / "huge"
    content = models.onnx_bytes()
    size = (1 << 31) + 64
    with path.open("wb") as file:
        file.write(content)
        rest = size - len(content)
        # The domain, field 4, as long as the rest: six bytes say so.
        file.write(b"\x22" + _varint(rest - 6))
        file.truncate(size)
    spec = models.spec_of(models.stored(tmp_path, b"x"))
    spec = replace(spec, file=replace(spec.file, path=path, size_bytes=size))

    with pytest.raises(
        TargetRefused, match=r"larger than 2 GiB.*save_as_external_data"
    ):
        until(lambda: local.validate(spec))


def _varint(number):
    rest = [number >> shift & 0x7F for shift in range(0, 35, 7)]
    return bytes([*(each | 0x80 for each in rest[:-1]), rest[-1]])


@pytest.fixture
def running(local):
    """Return a function that serves a spec until the test ends, and its processes."""
    begun = []

    def start(spec):
        begun.append(spec)
        serve(local, spec)
        return [record["pid"] for record in records(local, spec)]

    yield start
    for spec in begun:
        local.stop(spec.deployment_id)
        until(lambda spec=spec: is_gone(local, spec))


def second_adds(local, running, spec):
    """Return the bytes that a second instance adds, when both have answered."""

    def used(instances):
        pids = running(replace(spec, instances=instances))
        answers = ask_each(local, spec, INFER, BODY)
        assert [status for status, _ in answers] == [200] * instances
        return sum(map(weights.pss_bytes, pids))

    alone = used(1)
    return used(2) - alone


def test_a_second_instance_has_the_weights_of_the_first(local, running, tmp_path):
    files = weights.streamed(tmp_path, SAMPLE_LAYERS)
    spec = models.spec_of(weights.registered(files))

    added = second_adds(local, running, spec)

    assert (
        added < SAMPLE_LAYERS * weights.LAYER_BYTES / 2
    )  # the smallest process has 25


@pytest.mark.slow
def test_a_second_instance_of_a_model_of_2500_mb_adds_a_quarter_at_most(
    local, running, tmp_path, record_property
):
    files = weights.streamed(tmp_path, 2_500_000_000 // weights.LAYER_BYTES + 1)
    spec = models.spec_of(weights.registered(files))
    until(lambda: local.validate(spec), limit_s=600)

    added = second_adds(local, running, spec)

    size = files["weights.bin"].stat().st_size
    record_property("megabytes", f"{size / 1e6:.0f} of weights, {added / 1e6:.0f} more")
    assert len(files) == 2
    assert size > 2_500_000_000
    assert spec.memory_bytes < size
    assert added < size / 4


def test_one_file_has_no_second_copy_in_memory(local, running, tmp_path):
    content = weights.model_of(16).SerializeToString()
    spec = models.spec_of(models.stored(tmp_path, content), memory_bytes=2 << 30)

    (pid,) = running(spec)

    assert weights.pss_bytes(pid) < 1.75 * len(content)
