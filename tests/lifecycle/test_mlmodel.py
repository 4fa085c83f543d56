"""What MLflow logs as a folder is served by the file that its MLmodel names."""

import json

import pytest

from lifecycle import artifacts, mlmodel
from lifecycle.errors import ArtifactInUse
from lifecycle.mlmodel import MLmodel, Pyfunc
from lifecycle.models import ModelVersion, servable
from tests.core.factories import UserFactory
from tests.lifecycle.factories import RunFactory, VersionFactory, stored

ONNX = """\
artifact_path: model
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_version: 1.23.2
    providers: [CPUExecutionProvider]
  python_function:
    data: model.onnx
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.onnx
mlflow_version: 3.17.2
signature:
  inputs: '[{"type": "double", "name": "open", "required": true}, {"type": "double",
    "name": "close", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
utc_time_created: '2026-11-26 10:00:00.000000'
"""


def flavor(name, **fields):
    return json.dumps({"flavors": {name: fields}}).encode()


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (flavor("onnx", data="model.onnx"), "model.onnx"),
        (flavor("xgboost", data="model.ubj", model_format="ubj"), "model.ubj"),
        (flavor("lightgbm", data="model.lgb"), "model.lgb"),
        (flavor("sklearn", pickled_model="model.skops"), "model.skops"),
        (flavor("sklearn", pickled_model="model.pkl"), "model.pkl"),
        (flavor("python_function", loader_module="os", data="x"), ""),
        (flavor("onnx", data="../../secret.onnx"), ""),
        (flavor("onnx", data="/etc/passwd"), ""),
        (flavor("onnx", data=["model.onnx"]), ""),
        (b"flavors: [onnx]", ""),
        (b"", ""),
    ],
)
def test_the_flavor_names_the_file(content, path):
    assert mlmodel.read(content).path == path


@pytest.mark.parametrize(
    ("flavors", "framework"),
    [
        (
            {"python_function": {}, "sklearn": {"pickled_model": "model.skops"}},
            "sklearn",
        ),
        ({"python_function": {"loader_module": "mlflow.pyfunc.model"}}, "pyfunc"),
        ({"python_function": {}, "xgboost": {"data": "model.ubj"}}, "xgboost"),
        ({"catboost": {}, "onnx": {"data": "model.onnx"}}, "onnx"),
        ({"pytorch": {"model_data": "data"}, "python_function": {}}, "pytorch"),
        ({"<script>": {}, "python_function": {}}, "pyfunc"),
        ({"": {}}, ""),
        (["onnx"], ""),
        (None, ""),
    ],
)
def test_the_flavor_names_the_framework(flavors, framework):
    assert (
        mlmodel.read(json.dumps({"flavors": flavors}).encode()).framework == framework
    )


@pytest.mark.django_db
@pytest.mark.parametrize("file", ["model/model.skops", "model/data/model.skops"])
def test_a_version_has_the_framework_of_the_mlmodel_above_its_file(file):
    run, place = RunFactory(), file.removeprefix("model/")
    stored(run, "model/MLmodel", flavor("sklearn", pickled_model=place))
    stored(run, file)

    version = ModelVersion.register("churn", by=None, run=run)

    assert (version.servable_artifact().path, version.framework) == (file, "sklearn")


@pytest.mark.django_db
def test_a_framework_that_is_named_stays():
    run = RunFactory()
    stored(run, "model.onnx")

    version = ModelVersion.register("churn", by=None, run=run, framework="pytorch")

    assert version.framework == "pytorch"


@pytest.mark.django_db
def test_an_approval_fixes_the_framework_of_a_file_that_came_later(api):
    version = VersionFactory(model="churn", passed=True)
    address = f"/api/v1/ml/lifecycle/models/churn/{version.version}"
    stored(version.run, "MLmodel", flavor("sklearn", pickled_model="model.skops"))
    stored(version.run, "model.skops")
    shown = api("viewer").get(address).json()["framework"]

    version.approve(by=UserFactory())

    assert (shown, version.framework) == ("sklearn", "sklearn")


def test_the_signature_names_the_columns():
    said = mlmodel.read(ONNX.encode())

    assert (said.path, said.columns) == ("model.onnx", ("open", "close"))


@pytest.mark.parametrize(
    "inputs",
    ['[{"type": "tensor", "tensor-spec": {}}]', '[{"type": "double"}]', "{}", "[[", 7],
)
def test_inputs_without_names_have_no_columns(inputs):
    content = json.dumps({"signature": {"inputs": inputs}}).encode()

    assert mlmodel.read(content).columns == ()


@pytest.mark.parametrize(
    "content",
    [
        b"!!python/object/apply:os.system [touch /tmp/owned]",
        b"a: &a [x]\nflavors: {onnx: {data: *a}}",
        b"[" * 50_000,
        b"\xff\xfe\x00\x00",
        b"flavors: {onnx: {data: model.onnx}}\n" + b"#" * mlmodel.MAX_BYTES,
        b"a: b: c",
        b"2026-99-99: x",
    ],
)
def test_a_hostile_or_damaged_file_says_nothing(content):
    assert mlmodel.read(content) == MLmodel()


@pytest.mark.django_db
class TestInAFolder:
    """`log_model` leaves a folder; the version is made from the folder's name."""

    @pytest.fixture
    def run(self):
        return RunFactory()

    def registered(self, run, artifact_path="model"):
        return ModelVersion.register(
            "churn", by=None, run=run, artifact_path=artifact_path
        )

    @pytest.mark.parametrize("named", ["model", ""])
    def test_the_named_file_is_served(self, run, named):
        for path in ("model/model.ubj", "model/conda.yaml", "model/other.onnx"):
            stored(run, path)
        stored(run, "model/MLmodel", flavor("xgboost", data="model.ubj"))

        artifact = self.registered(run, named).servable_artifact()

        assert artifact.path == "model/model.ubj"

    def test_two_folders_are_one_too_many(self, run):
        for folder in ("a", "b"):
            stored(run, f"{folder}/model.ubj")
            stored(run, f"{folder}/MLmodel", flavor("xgboost", data="model.ubj"))

        assert self.registered(run, "").servable_artifact() is None

    def test_a_file_that_was_not_uploaded_is_not_served(self, run):
        stored(run, "model/MLmodel", flavor("xgboost", data="model.ubj"))

        assert self.registered(run).servable_artifact() is None

    def test_the_columns_are_known_beside_the_file(self, run):
        stored(run, "model/model.onnx")
        stored(run, "model/MLmodel", ONNX.encode())

        artifact = self.registered(run).servable_artifact()

        assert servable.manifest_beside(artifact).columns == ("open", "close")


PYFUNC = {"loader_module": "mlflow.pyfunc.model", "code": "code", "data": None}


def test_a_python_function_says_how_it_is_loaded():
    signature = {"inputs": "[1]", "outputs": None}
    content = {"flavors": {"python_function": PYFUNC}, "signature": signature}

    said = mlmodel.read(json.dumps(content).encode())

    assert said.pyfunc == Pyfunc("mlflow.pyfunc.model", "code", "", "[1]", "")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"loader_module": 7},
        {"loader_module": "m", "code": "../up"},
        {"loader_module": "m", "data": "/etc/passwd"},
        {"loader_module": "m", "data": ["x"]},
    ],
)
def test_a_python_function_that_leads_out_of_its_folder_is_none(fields):
    assert mlmodel.read(flavor("python_function", **fields)).pyfunc is None


def test_a_pickle_that_comes_with_code_is_nothing_by_itself():
    flavors = {"sklearn": {"pickled_model": "model.pkl"}, "python_function": PYFUNC}

    said = mlmodel.read(json.dumps({"flavors": flavors}).encode())

    assert (said.path, said.pyfunc.code) == ("", "code")


@pytest.mark.django_db
class TestAsAPythonFunction:
    """A folder that names no file of another flavour is served as a whole."""

    @pytest.fixture
    def run(self):
        run = RunFactory()
        stored(run, "model/MLmodel", flavor("python_function", **PYFUNC))
        stored(run, "model/code/own.py", b"x = 1")
        stored(run, "model/artifacts/inner.onnx")
        stored(run, "Model/other.txt")
        stored(run, "notes.txt")
        return run

    @pytest.fixture
    def version(self, run):
        return ModelVersion.register("churn", by=None, run=run, artifact_path="model")

    def test_its_mlmodel_stands_for_it(self, version):
        found = version.servable_artifact()

        assert found.path == "model/MLmodel"
        assert servable.is_folder(found)
        assert [one.path for one in servable.files_of(found)] == [
            "model/MLmodel",
            "model/artifacts/inner.onnx",
            "model/code/own.py",
        ]

    def test_its_digest_tells_every_change(self, run, version):
        manifest = version.artifact
        digests = {servable.digest_of(manifest)}
        ModelVersion.objects.all().delete()

        stored(run, "model/code/own.py", b"x = 2")
        digests.add(servable.digest_of(manifest))
        stored(run, "model/code/more.py")
        digests.add(servable.digest_of(manifest))
        artifacts.delete(run.artifacts.get(path="model/code/more.py"))
        digests.add(servable.digest_of(manifest))

        assert len(digests) == 3

    @pytest.mark.parametrize("path", ["model/code/own.py", "model/code/new.py"])
    def test_what_a_version_stands_on_is_not_changed_nor_added_to(
        self, run, version, path
    ):
        with pytest.raises(ArtifactInUse, match=r"this folder"):
            stored(run, path, b"import os")

        assert not run.artifacts.filter(path="model/code/new.py")

    def test_what_lies_beside_it_can_be_changed(self, run, version):
        stored(run, "notes.txt", b"new")
        stored(run, "Model/other.txt", b"new")

    def test_a_folder_of_another_run_is_free(self, version):
        stored(RunFactory(), "model/code/own.py")


@pytest.mark.django_db
def test_lists_and_details_name_the_same_framework_where_none_was_written_down(api):
    for name, flavour in (("churn", "sklearn"), ("price", "xgboost")):
        version = VersionFactory(model=name)
        stored(version.run, "m/MLmodel", flavor(flavour, pickled_model="model.skops"))
        file = stored(version.run, "m/model.skops")
        ModelVersion.objects.filter(pk=version.pk).update(artifact=file, framework="")
    address = "/api/v1/ml/lifecycle/models"

    listed = api("viewer").get(address).json()

    shown = {one["model_name"]: one["framework"] for one in listed}
    assert shown == {"churn": "sklearn", "price": "xgboost"}
    for one in listed:
        detail = api("viewer").get(f"{address}/{one['model_name']}/{one['version']}")
        assert detail.json()["framework"] == one["framework"]
