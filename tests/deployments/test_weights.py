"""A model in several files from upload to answers, and back to the one before it."""

import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from deployments.models import Deployment, EnvironmentRule
from deployments.models.rollback import is_intact
from deployments.reconciler import Reconciler
from deployments.reconciler.spec import spec_of
from deployments.serving.terms import TargetRefused
from deployments.states import Environment, Status
from deployments.targets.local import LocalTarget
from lifecycle import artifacts
from lifecycle.errors import ArtifactInUse
from lifecycle.models import ModelVersion, servable
from tests.deployments.stack import ended
from tests.deployments.targets import models, weights
from tests.deployments.targets.asking import ask
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db
FLAVORS = {
    "onnx": {"data": "model.onnx", "onnx_version": onnx.__version__},
    "python_function": {"loader_module": "mlflow.onnx", "data": "model.onnx"},
}
TENSOR = {
    "name": "x",
    "type": "tensor",
    "tensor-spec": {"dtype": "float32", "shape": [-1, weights.WIDTH]},
}
ROW = np.ones((1, weights.WIDTH), np.float32)
BODY = {
    "inputs": [
        {"name": "x", "datatype": "FP32", "shape": [*ROW.shape], "data": ROW.tolist()}
    ]
}


@pytest.fixture
def files(tmp_path):
    """Return a model as onnx saves it, with its weights in a folder beside it."""
    saved = weights.saved(weights.model_of(2), tmp_path)
    return {name: path.read_bytes() for name, path in saved.items()}


@pytest.fixture
def deployed(tmp_path, settings):
    settings.OPEN_MODE = True
    with LocalTarget(tmp_path / "data") as target:
        reconciler = Reconciler(
            dict.fromkeys(Environment.values, target), folder=tmp_path
        )

        def deploy(version):
            asked = (
                version
                if isinstance(version, Deployment)
                else Deployment.request(version, "staging", by=None)
            )
            return ended(reconciler, asked, limit_s=120)

        deploy.target = target
        yield deploy


def version_of(files, run=None, folder="model", name="deep"):
    run = run or RunFactory()
    for path, content in files.items():
        place = f"{folder}/{path}" if folder else path
        artifacts.save(run, place, [content], by=None)
    path = folder or "model.onnx"
    return ModelVersion.register(name, by=None, run=run, artifact_path=path)


def answered(deployed, deployment):
    """Return the values of the only output."""
    spec = spec_of(deployment, EnvironmentRule.of("staging"))
    status, found = ask(deployed.target, spec, "/v2/models/deep/infer", BODY)
    assert status == 200, found
    return np.array(found["outputs"][0]["data"], np.float32)


def expected(files, tmp_path):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(tmp_path / "model.onnx", options)
    return session.run(None, {"x": ROW})[0].ravel()


def test_a_folder_uploaded_by_rest_is_deployed_and_answers(
    api, deployed, files, tmp_path
):
    run = RunFactory()
    client = api("data scientist")
    for path, content in files.items():
        form = {"file": SimpleUploadedFile("any", content), "path": f"out/{path}"}
        url = f"/api/v1/ml/lifecycle/runs/{run.uid}/artifacts"
        assert client.post(url, form, format="multipart").status_code == 201
    version = ModelVersion.register("deep", by=None, run=run, artifact_path="out")

    deployment = deployed(version)

    assert deployment.status == Status.ACTIVE, deployment.error_message
    found = answered(deployed, deployment)
    np.testing.assert_array_equal(found, expected(files, tmp_path))
    assert deployment.artifact_sha256 == servable.digest_of(version.artifact)
    assert deployment.artifact_sha256 != version.artifact.sha256


def test_an_mlflow_folder_with_external_data_is_served(deployed, files, tmp_path):
    said = {"flavors": FLAVORS, "signature": {"inputs": json.dumps([TENSOR])}}
    logged = {**files, "MLmodel": json.dumps(said).encode()}

    deployment = deployed(version_of(logged))

    assert deployment.status == Status.ACTIVE, deployment.error_message
    assert deployment.artifact.path == "model/model.onnx"
    found = answered(deployed, deployment)
    np.testing.assert_array_equal(found, expected(files, tmp_path))


def test_a_rollback_returns_to_all_files(deployed, files, tmp_path):
    first = deployed(version_of(files))
    second = deployed(version_of({"model.onnx": models.onnx_bytes()}))
    assert second.status == Status.ACTIVE, second.error_message

    restored = deployed(second.roll_back(by=None))

    assert (restored.status, restored.artifact_sha256) == (
        Status.ACTIVE,
        first.artifact_sha256,
    )
    found = answered(deployed, restored)
    np.testing.assert_array_equal(found, expected(files, tmp_path))


def test_bytes_that_were_changed_in_the_store_are_refused(deployed, files):
    version = version_of(files)
    (data,) = servable.data_files_of(version.artifact)
    with artifacts.file_path(data).open("r+b") as file:
        file.write(b"changed")

    deployment = deployed(version)

    assert deployment.status == Status.FAILED
    assert "(SHA-256) of 'weights.bin' is not the reg" in deployment.error_message


def test_one_file_alone_is_refused_and_told_what_to_do(deployed, files):
    deployment = deployed(version_of({"model.onnx": files["model.onnx"]}))

    assert deployment.status == Status.FAILED
    assert "'weights.bin'), which was not uploaded with it" in deployment.error_message
    assert "or export the model as one file" in deployment.error_message


class TestTheListOfFiles:
    """What is served is what was there when it was asked for, or nothing."""

    @pytest.fixture
    def version(self, files):
        return version_of({**files, "notes.txt": b"not a part of it"})

    def test_it_is_the_file_and_those_that_it_names(self, version):
        paths = [one.path for one in servable.files_of(version.artifact)]

        assert paths == ["model/model.onnx", "model/weights.bin"]

    def test_its_digest_is_of_names_lengths_and_digests(self, version, files):
        again = version_of(files, folder="elsewhere")
        longer = version_of({**files, "weights.bin": files["weights.bin"] + b"x"})

        digest = servable.digest_of(version.artifact)
        assert servable.digest_of(again.artifact) == digest
        assert servable.digest_of(longer.artifact) != digest

    def test_a_file_of_one_keeps_its_own_digest(self):
        version = version_of({"model.onnx": models.onnx_bytes()})

        assert servable.digest_of(version.artifact) == version.artifact.sha256

    @pytest.mark.parametrize("folder", ["model", ""])
    def test_a_file_that_a_version_needs_cannot_be_replaced(self, files, folder):
        version = version_of(files, folder=folder)
        (data,) = servable.data_files_of(version.artifact)

        with pytest.raises(ArtifactInUse, match="keeps weights in this file"):
            artifacts.save(version.run, data.path, [b"other"], by=None)
        with pytest.raises(ArtifactInUse):
            artifacts.delete(data)
        assert artifacts.file_path(data).exists()

    def test_files_that_it_does_not_need_can_be(self, version):
        artifacts.save(version.run, "model/notes.txt", [b"other"], by=None)
        artifacts.save(version.run, "model/more.bin", [b"other"], by=None)

    def test_one_that_came_later_is_not_served(self, files):
        version = version_of({"model.onnx": files["model.onnx"]})
        deployment = Deployment.request(version, "staging", by=None)
        artifacts.save(
            version.run, "model/weights.bin", [files["weights.bin"]], by=None
        )

        with pytest.raises(TargetRefused, match="added, removed or changed"):
            spec_of(deployment, EnvironmentRule.of("staging"))
        assert not is_intact(deployment.artifact, deployment.artifact_sha256)

    def test_one_that_is_gone_cannot_be_returned_to(self, version):
        deployment = Deployment.request(version, "staging", by=None)
        assert is_intact(deployment.artifact, deployment.artifact_sha256)

        (data,) = servable.data_files_of(version.artifact)
        artifacts.file_path(data).unlink()

        assert not is_intact(deployment.artifact, deployment.artifact_sha256)

    def test_another_case_is_another_file(self, files):
        files["Weights.BIN"] = files.pop("weights.bin")

        assert servable.data_files_of(version_of(files).artifact) == []

    def test_the_first_rules_of_reading_know_of_none(self, version):
        deployment = Deployment.request(version, "staging", by=None)
        deployment.reading = 1

        assert spec_of(deployment, EnvironmentRule.of("staging")).file.data == ()
