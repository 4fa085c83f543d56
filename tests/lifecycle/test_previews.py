"""A look into files of runs and logged models; nothing of them is ever run."""

import json
from dataclasses import replace
from io import BytesIO

import onnx
import pyarrow as pa
import pyarrow.parquet
import pytest
from onnx import TensorProto, helper

from datasets import inline_ingestion
from datasets.analytics import engine
from lifecycle import onnxsignature, previews
from lifecycle.models import LoggedModel
from lifecycle.store.logged_models import NewLoggedModel
from tests.lifecycle.factories import ExperimentFactory, RunFactory, stored

pytestmark = pytest.mark.django_db
RUNS = "/api/v1/ml/lifecycle/runs"
MODELS = "/api/v1/ml/lifecycle/logged-models"


@pytest.fixture
def look(settings, tmp_path):
    """Store a file, look into it."""
    settings.DATA_DIR = tmp_path
    before = engine.settings()
    engine.configure(tmp_path / "datasets")

    def see(path, content):
        return previews.preview(stored(RunFactory(), path, content))

    yield see
    engine.restore(before)


def model(**graph):
    """A model of one addition, as ONNX writes it."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, [None, 1])
    node = helper.make_node("Add", ["x", "c"], ["y"])
    made = helper.make_graph(
        [node],
        "g",
        [x, *graph.pop("inputs", [])],
        [y, *graph.pop("outputs", [])],
        [helper.make_tensor("c", TensorProto.FLOAT, [1], [1.0])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    whole = helper.make_model(
        made, producer_name="maker", producer_version="2", opset_imports=opsets, **graph
    )
    whole.metadata_props.add(key="author", value="Kim")
    return whole.SerializeToString()


def values(entries):
    return [(one["name"], one["type"], one["shape"]) for one in entries]


def test_text_is_shown_and_where_it_is_cut_that_is_said(look):
    short = look("notes.md", "값\n".encode())
    long = look("train.log", "é".encode() * previews.TEXT_BYTES)

    assert (short.kind, short.text, short.is_whole) == ("text", "값\n", True)
    assert (long.kind, long.is_whole) == ("text", False)
    assert set(long.text) == {"é"}


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "run.py"])
def test_what_a_browser_could_run_is_text(look, name):
    found = look(name, b"<script>alert(1)</script>")

    assert (found.kind, found.text) == ("text", "<script>alert(1)</script>")


@pytest.mark.parametrize("content", [b"\x80\x04\x95pickle\0", b"\xff\xfe\xfa no"])
def test_bytes_are_not_shown_and_why_is_said(look, content):
    found = look("model.pkl", content)

    assert (found.kind, found.text) == ("none", "")
    assert found.reason


def test_the_head_of_a_csv_is_a_table(look):
    found = look("t.csv", b"id,note\n" + b'1,"a, b"\n' * 500)

    assert [one["name"] for one in found.table.columns] == ["id", "note"]
    assert found.table.rows == [["1", "a, b"]] * 100
    assert not found.is_whole


def test_no_half_row_is_shown_of_a_csv_that_is_cut(look):
    row = b"1234567890," + b"x" * 3_000 + b"\n"

    found = look("t.csv", b"id,text\n" + row * 500)

    assert {line[0] for line in found.table.rows} == {"1234567890"}
    assert {len(line[1]) for line in found.table.rows} == {1_001}


@pytest.mark.parametrize(
    "document",
    [
        {"columns": ["a", "b"], "data": [[1, None], [2, {"c": 3}]]},
        [{"a": 1}, {"a": 2, "b": {"c": 3}}],
    ],
)
def test_a_table_in_json_is_a_table(look, document):
    found = look("t.json", json.dumps(document).encode())

    assert [one["name"] for one in found.table.columns] == ["a", "b"]
    assert found.table.rows == [[1, None], [2, '{"c":3}']]
    assert found.is_whole


def test_other_json_is_laid_out_in_lines(look):
    assert look("c.json", b'{"a":{"b":1}}').text == '{\n  "a": {\n    "b": 1\n  }\n}'
    assert look("c.json", b'{"a": broken').text == '{"a": broken'


@pytest.mark.parametrize(
    "document",
    [
        b'{"id": 123456789012345678901234567890}',
        b'[{"id": 0.1234567890123456789}]',
        b'{"a": 1, "a": 2}',
        b'{"a": ' + b"[" * 990 + b"]" * 990 + b"}",
    ],
)
def test_json_that_would_read_otherwise_is_shown_as_it_is_written(look, document):
    assert look("c.json", document).text == document.decode()


def test_a_table_with_a_cell_that_is_cut_is_not_whole(look):
    long = "x" * 1_001

    assert not look("t.csv", f"note\n{long}\n".encode()).is_whole
    assert not look("t.json", json.dumps([{"a": [long]}]).encode()).is_whole


def test_the_head_of_a_parquet_file_is_a_table_with_its_types(look, monkeypatch):
    slow = replace(inline_ingestion.PREVIEW_LIMITS, wall_s=300)
    monkeypatch.setattr(inline_ingestion, "PREVIEW_LIMITS", slow)
    file = BytesIO()
    table = pa.table({"id": [1, 2], "when": pa.array([0, None], pa.timestamp("us"))})
    pyarrow.parquet.write_table(table, file)

    found = look("t.parquet", file.getvalue())

    assert found.reason == ""
    assert [one["type"] for one in found.table.columns] == ["BIGINT", "TIMESTAMP"]
    assert found.table.rows == [[1, "1970-01-01T00:00:00"], [2, None]]
    assert found.is_whole


def test_a_parquet_file_with_a_cell_that_is_cut_is_not_whole(look):
    file = BytesIO()
    pyarrow.parquet.write_table(pa.table({"text": ["x" * 1_001]}), file)

    found = look("t.parquet", file.getvalue())

    assert found.table.rows == [["x" * 1_000 + "…"]]
    assert not found.is_whole


def test_a_table_that_cannot_be_read_says_why(look):
    assert look("t.parquet", b"PAR1 and no more").reason


def test_an_onnx_model_tells_what_it_takes_and_gives(look):
    found = look("m.onnx", model())

    assert found.kind == "model"
    shown = found.signature
    assert values(shown["inputs"]) == [("x", "float", ("batch", 3))]
    assert values(shown["outputs"]) == [("y", "int64", ("?", 1))]
    assert shown["opsets"] == {"ai.onnx": 17, "ai.onnx.ml": 3}
    assert (shown["producer"], shown["metadata"]) == ("maker 2", {"author": "Kim"})


def test_an_onnx_models_constants_are_no_inputs(look):
    constant = helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])

    old = look("m.onnx", model(inputs=[constant], ir_version=3))
    new = look("m.onnx", model(inputs=[constant], ir_version=8))

    assert [one["name"] for one in old.signature["inputs"]] == ["x"]
    assert [one["name"] for one in new.signature["inputs"]] == ["x", "c"]


def test_an_onnx_output_that_is_no_tensor_is_written_out(look):
    inner = helper.make_map_type_proto(
        TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    )
    kind = helper.make_sequence_type_proto(inner)

    found = look("m.onnx", model(outputs=[helper.make_value_info("p", kind)]))

    last = found.signature["outputs"][-1]
    assert (last["type"], last["shape"]) == ("sequence(map(int64, float))", None)


def test_types_within_types_end_somewhere(look):
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    for _ in range(30):
        kind = helper.make_sequence_type_proto(kind)

    found = look("m.onnx", model(outputs=[helper.make_value_info("p", kind)]))

    assert "sequence(?)" in found.signature["outputs"][-1]["type"]


@pytest.mark.parametrize("cut", [0, 1, 20, 60])
def test_a_damaged_onnx_file_is_called_that(look, cut):
    found = look("m.onnx", model()[:cut] + b"\xff")

    assert (found.kind, found.signature) == ("none", {})
    assert found.reason


def test_the_types_table_is_that_of_onnx():
    names = {number: name for name, number in onnx.TensorProto.DataType.items()}

    known = {number: names[number].lower() for number in names if number < 24}

    assert known == dict(enumerate(onnxsignature.TYPES[: len(known)]))


def test_an_mlmodel_shows_the_signature_of_its_columns(look):
    columns = '[{"name": "age", "type": "long"}]'
    tensor = '[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}}]'
    text = (
        "flavors:\n  python_function:\n    loader_module: mlflow.onnx\n"
        f"signature:\n  inputs: '{columns}'\n  outputs: '{tensor}'\n"
    )

    found = look("model/MLmodel", text.encode())

    assert (found.kind, found.text) == ("text", text)
    assert values(found.signature["inputs"]) == [("age", "long", None)]
    assert values(found.signature["outputs"]) == [("", "float32", ["?"])]


def test_a_runs_file_is_looked_into_over_the_api(api):
    run = RunFactory()
    stored(run, "plots/notes.txt", b"hello")

    body = api("viewer").get(f"{RUNS}/{run.uid}/previews/plots/notes.txt").json()

    assert body == {
        "path": "plots/notes.txt",
        "size_bytes": 5,
        "kind": "text",
        "is_whole": True,
        "text": "hello",
    }


def test_a_logged_models_files_are_listed_looked_into_and_loaded_down(api):
    new = NewLoggedModel(experiment=ExperimentFactory().pk, name="logged")
    logged = LoggedModel.begin(new, by=None)
    stored(logged, "MLmodel", b"flavors: {}\n")
    client = api("viewer")

    listed = client.get(f"{MODELS}/{logged.pk}/artifacts").json()
    seen = client.get(f"{MODELS}/{logged.pk}/previews/MLmodel").json()
    file = client.get(listed[0]["download_url"])

    assert [one["path"] for one in listed] == ["MLmodel"]
    assert seen["text"] == b"".join(file.streaming_content).decode()
    assert file["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert client.get(f"{MODELS}/m-none/artifacts").status_code == 404


def test_a_file_that_is_elsewhere_is_not_looked_into(api):
    run = RunFactory()
    run.artifacts.create(path="far.txt", uri="s3://bucket/far.txt", is_stored=False)

    answer = api("viewer").get(f"{RUNS}/{run.uid}/previews/far.txt")

    assert answer.status_code == 404
