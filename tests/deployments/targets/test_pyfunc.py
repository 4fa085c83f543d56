"""MLflow's python_function folders, loaded as their MLmodel says, without MLflow."""

import json

import pytest

from deployments.serving.terms import TargetRefused, Tensor
from tests.deployments.targets import folders, models
from tests.deployments.targets.asking import ask
from tests.deployments.targets.folders import predicting
from tests.deployments.targets.suite import TargetSuite, is_gone, serve
from tests.deployments.targets.waiting import until

INFER = "/v2/models/iris/infer"


@pytest.fixture
def spec_for(tmp_path):
    """Return a maker of specs of folders where code is allowed."""

    def make(code=folders.SUM, *, allows_code=True, **fields):
        of_folder = {
            key: fields.pop(key) for key in ("inputs", "outputs") if key in fields
        }
        file = folders.stored(tmp_path, code, **of_folder)
        return models.spec_of(file, allows_code=allows_code, **fields)

    return make


class TestSuite(TargetSuite):
    """The shared suite, with a model that is code."""

    @pytest.fixture
    def target(self, local):
        return local

    @pytest.fixture
    def good(self, spec_for):
        return spec_for()

    @pytest.fixture
    def bad(self, spec_for):
        return spec_for("raise ValueError('not today')")


@pytest.fixture
def serving(local):
    """Return a function that serves a spec until the test ends."""
    begun = []

    def start(spec):
        begun.append(spec)
        serve(local, spec)
        return spec

    yield start
    for spec in begun:
        local.stop(spec.deployment_id)
        until(lambda spec=spec: is_gone(local, spec))


@pytest.fixture
def refusal(local):
    def look(spec) -> str:
        with pytest.raises(TargetRefused) as caught:
            until(lambda: local.validate(spec), limit_s=120)
        return str(caught.value)

    return look


@pytest.fixture
def asked_for_a_sum(local, spec_for, serving):
    spec = serving(spec_for())
    return lambda path, body: ask(local, spec, path, body)


def column(name, values):
    return {"name": name, "shape": [len(values)], "datatype": "FP64", "data": values}


def test_the_signature_becomes_the_metadata(local, spec_for, serving):
    spec = serving(spec_for())

    _, found = ask(local, spec, "/v2/models/iris")

    assert found["platform"] == "mlflow_pyfunc"
    assert found["inputs"] == [
        {"name": "a", "datatype": "FP64", "shape": [-1]},
        {"name": "b", "datatype": "FP64", "shape": [-1]},
    ]
    assert found["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [-1]}]


def test_tensors_records_and_rows_are_answered_alike(local, spec_for, serving):
    spec = serving(spec_for())
    tensors = {"inputs": [column("a", [1, 2]), column("b", [10, 20])]}

    status, found = ask(local, spec, INFER, tensors)
    records = ask(local, spec, "/", [{"b": 10, "a": 1}, {"b": 20, "a": 2}])
    rows = ask(local, spec, "/", {"instances": [[1, 10], [2, 20]]})

    assert (status, found["outputs"][0]["data"]) == (200, [11.5, 22.5])
    assert records[1] == rows[1]
    assert records[1]["predictions"] == [11.5, 22.5]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (INFER, b"{", "JSON"),
        (INFER, {"inputs": [column("a", [1])]}, "'b' is missing"),
        (INFER, {"inputs": [column("c", [1])]}, "no input 'c'"),
        (INFER, {"inputs": [column("a", [1]), column("b", [1, 2])]}, "number of rows"),
        ("/", {"instances": [{"a": "x", "b": 1}]}, "must be numbers"),
        ("/", {"instances": [[1, 2, 3]]}, "several inputs"),
    ],
)
def test_a_bad_request_is_the_clients_fault(asked_for_a_sum, path, body, said):
    status, found = asked_for_a_sum(path, body)

    assert status == 400
    assert said in found["error"]


def test_an_exception_in_the_model_is_the_models_fault(local, spec_for, serving):
    spec = serving(
        spec_for(predicting("return given['a'] / (1 if sum(given['a']) < 5 else None)"))
    )

    status, found = ask(
        local, spec, INFER, {"inputs": [column("a", [9]), column("b", [1])]}
    )

    assert (status, found["error"].split(":")[0]) == (500, "TypeError")


@pytest.mark.parametrize(
    ("body", "outputs"),
    [
        (
            "return {'sum': given['a'] + given['b'], 'kind': ['x'] * len(given['a'])}",
            {"sum": "FP64", "kind": "BYTES"},
        ),
        (
            "return [{'label': 'x', 'score': 1.5} for _ in given['a']]",
            {"label": "BYTES", "score": "FP64"},
        ),
        ("return ['x' for _ in given['a']]", {"predict": "BYTES"}),
        ("return [1 for _ in given['a']]", {"predict": "INT64"}),
        (
            "return [{'a': [1]} if one else {} for one in given['a']]",
            {"predict": "BYTES"},
        ),
        ("return 7.5", {"predict": "FP64"}),
    ],
)
def test_whatever_a_model_answers_has_names_and_types(local, spec_for, body, outputs):
    spec = spec_for(predicting(body), outputs="")

    found = until(lambda: local.validate(spec))

    assert {each.name: each.datatype for each in found.outputs} == outputs


@pytest.mark.parametrize(
    ("body", "kind", "note"),
    [
        (
            "return ['x' for _ in given['a']]",
            "long",
            "A row of zeros is answered 500. The output 'predict' is BYTES; the",
        ),
        (
            "return [1.5 for _ in given['a']]",
            "string",
            "The output 'predict' is FP64; the model's signature says text.",
        ),
        ("return [1 for _ in given['a']]", "double", ""),
        ("return ['x' for _ in given['a']]", "string", ""),
        ("raise KeyError('a')", "long", ""),
    ],
)
def test_an_output_unlike_the_signature_is_noted(local, spec_for, body, kind, note):
    spec = spec_for(predicting(body), outputs=json.dumps([{"type": kind}]))

    found = until(lambda: local.validate(spec))

    assert [each[: len(note)] for each in found.notes] == ([note] if note else [])


def test_a_tensor_signature_gives_the_model_an_array(local, spec_for):
    spec = spec_for(predicting("return given.sum(axis=1)"), inputs=folders.TWO_WIDE)

    found = until(lambda: local.validate(spec))

    assert found.inputs == (Tensor("input", "FP64", (-1, 2)),)
    assert found.latency_p50_ms is not None


def test_an_optional_column_may_be_left_out(local, spec_for, serving):
    inputs = json.loads(folders.COLUMNS)
    inputs[1]["required"] = False
    code = predicting("return given['a'] + given.get('b', 100)")
    spec = serving(spec_for(code, inputs=json.dumps(inputs)))

    assert ask(local, spec, "/", [{"a": 1}])[1]["predictions"] == [101]
    assert ask(local, spec, "/", [{"a": 1, "b": 2}])[1]["predictions"] == [3]


def test_without_permission_nothing_runs_and_the_rule_is_named(
    refusal, spec_for, tmp_path
):
    code = f"open({str(tmp_path / 'ran')!r}, 'w')"

    said = refusal(spec_for(code, allows_code=False))

    assert "'allows formats that run code' of the environment 'staging' is off" in said
    assert not (tmp_path / "ran").exists()


def test_a_module_that_is_not_installed_is_named(refusal, spec_for):
    said = refusal(spec_for("import a_package_that_is_not_here"))

    assert "'a_package_that_is_not_here', which the interpreter /" in said
    assert "Not installed: a-package-that-is-not-here==1.0." in said


def test_a_module_that_is_missed_only_when_asked_is_named_too(refusal, spec_for):
    said = refusal(spec_for(predicting("import a_package_that_is_not_here")))

    assert "'a_package_that_is_not_here'" in said


def test_requirements_that_are_not_installed_are_in_the_log(local, spec_for):
    spec = spec_for()

    until(lambda: local.validate(spec))

    log = "".join(local.logs(spec.deployment_id, 50))
    assert "a-package-that-is-not-here==1.0 is not installed" in log


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"inputs": ""}, "no signature"),
        ({"inputs": "{"}, "cannot be read"),
        ({"inputs": '[{"type": "strange", "name": "a"}]'}, "cannot be read"),
        ({"code": predicting("raise KeyError('a')"), "outputs": ""}, "row of zeros"),
        ({"code": "def _load_pyfunc(path): raise OSError('no such thing')"}, "OSError"),
    ],
)
def test_a_folder_that_cannot_be_served_says_why(refusal, spec_for, fields, said):
    assert said in refusal(spec_for(**fields))


def test_an_answer_that_contradicts_the_signature_is_the_models_fault(
    local, spec_for, serving
):
    spec = serving(spec_for(predicting("return ['x' for _ in given['a']]")))

    status, found = ask(local, spec, "/", [{"a": 1, "b": 2}])

    assert (status, "signature says FP64" in found["error"]) == (500, True)


def test_a_file_that_was_changed_is_not_copied(refusal, spec_for):
    spec = spec_for()
    spec.file.folder.files[1].stored.write_text("import os")

    assert "The checksum (SHA-256) of 'code/made_by_hand.py'" in refusal(spec)


def test_a_file_that_is_gone_is_named(refusal, spec_for):
    spec = spec_for()
    spec.file.folder.files[2].stored.unlink()

    assert "'data/bias.txt' is missing" in refusal(spec)
