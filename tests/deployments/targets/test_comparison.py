"""A model that serves by older rules is asked under the newest, in its sandbox."""

import dataclasses
import json

import pandas
import pytest
import xgboost
from onnx import TensorProto, helper

from deployments.serving import readings
from deployments.serving.terms import Manifest, Phase, TargetBusy, TargetRefused
from tests.deployments.targets import models, weights
from tests.deployments.targets.asking import ask
from tests.deployments.targets.waiting import until


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """Return a classifier that stopped early, as its class saves it."""
    rows, labels = models.iris()
    made = xgboost.XGBClassifier(n_estimators=40, early_stopping_rounds=1, n_jobs=1)
    watched = [(rows[1::2], labels[1::2])]
    made.fit(rows[::2], labels[::2], eval_set=watched, verbose=False)
    path = tmp_path_factory.mktemp("xgboost") / "model.ubj"
    made.save_model(path)
    return path.read_bytes()


def by_chance():
    """Return a model that adds noise."""
    given, answer = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1])
        for name in "xy"
    ]
    nodes = [
        helper.make_node("RandomNormalLike", ["x"], ["noise"]),
        helper.make_node("Add", ["x", "noise"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "chance", [given], [answer])
    opsets = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return made.SerializeToString()


@pytest.fixture
def compared(local, made, tmp_path):
    """Return what comes of asking a file under the first and the newest rules."""

    def compare(content=None, manifest=None, beside=None, **fields):
        now = made(content, reading=readings.FIRST, **fields)
        paths = {}
        for name, stored in (beside or {}).items():
            paths[name] = tmp_path / name
            paths[name].write_text(json.dumps(stored))
        file = dataclasses.replace(now.file, manifest=manifest, **paths)
        again = dataclasses.replace(now, file=file, reading=readings.NEWEST)

        def ask():
            try:
                return local.compare(again, now)
            except TargetBusy:
                return None

        return until(ask)

    return compare


def test_what_both_answer_alike_is_told_as_no_difference(compared):
    found = compared()

    assert found.differences == ()
    assert found.requests >= 32


def test_a_model_in_several_files_is_loaded_as_it_serves(local, tmp_path):
    spec = models.spec_of(weights.registered(weights.streamed(tmp_path, 1)))

    found = until(lambda: local.compare(spec, spec))

    assert found.differences == ()
    assert found.requests > 0


def test_labels_instead_of_probabilities_are_a_difference(compared, classifier):
    found = compared(classifier)

    said = "\n".join(found.differences)
    assert "it would answer predict (INT64" in said
    assert "'predict' would be" in said
    assert found.requests >= 32


def test_what_was_stored_with_the_model_is_asked_too(compared):
    tensor = {"name": "X", "shape": [2, 4], "datatype": "FP32", "data": [1.0] * 8}
    rows = {"dataframe_split": {"data": [[1.0, 2.0, 3.0, 4.0]]}}
    beside = {"golden": [{"inputs": [tensor], "outputs": []}] * 2, "example": rows}

    assert compared(beside=beside).requests == compared().requests + 3


def test_a_model_of_chance_is_not_said_to_differ(compared):
    with pytest.raises(TargetRefused, match="alike twice"):
        compared(by_chance())


def test_what_would_be_refused_is_a_difference(compared):
    columns = json.dumps([{"name": "a", "type": "double", "required": False}])

    found = compared(manifest=Manifest(flavor="onnx", inputs=columns))

    (said,) = found.differences
    assert said.startswith("the file would be refused: The signature has columns")


def test_other_inputs_are_named_and_rows_still_compared(compared):
    names = ["a", "b", "c", "d"]
    columns = [{"name": name, "type": "double", "required": True} for name in names]
    manifest = Manifest(flavor="onnx", inputs=json.dumps(columns))

    found = compared(manifest=manifest)

    assert found.differences[0].startswith("it would ask for a (FP64 [-1]), b (FP64")
    assert found.requests >= 32


def test_a_pickle_is_asked_in_its_own_interpreter(compared):
    found = compared(models.joblib_bytes(), allows_code=True)

    assert found.requests >= 32


def test_a_file_that_cannot_be_read_cannot_be_compared(compared):
    with pytest.raises(TargetRefused):
        compared(models.onnx_bytes()[:-100])


def test_words_in_pieces_serve_on_and_would_be_refused(local, made):
    rows = pandas.DataFrame({"town": pandas.Categorical(["éa", "b"] * 20)})
    data = xgboost.DMatrix(rows, [1, 2] * 20, enable_categorical=True)
    booster = xgboost.train({"verbosity": 0}, data, 2)
    now = made(bytes(booster.save_raw("ubj")), reading=2)
    body = {"dataframe_split": {"columns": ["town"], "data": [["a"]]}}

    local.apply(now)
    until(lambda: local.observe(now.deployment_id).phase == Phase.READY)
    status, _ = ask(local, now, "/", body)
    again = dataclasses.replace(now, reading=readings.NEWEST)
    (said,) = until(lambda: local.compare(again, now)).differences
    local.stop(now.deployment_id)

    assert status == 200
    assert said.startswith("the file would be refused: XGBoost keeps words")


def test_a_process_that_dies_leaves_it_unknown(compared):
    with pytest.raises(TargetRefused, match="without a word"):
        compared(models.pickled("__import__('os')._exit(3)"), allows_code=True)
