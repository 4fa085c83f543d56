"""What a target is asked to run: read off the row, its files and its environment."""

import json

import pytest
from django.conf import settings

from deployments.models import Deployment, EnvironmentRule
from deployments.plan import DeploymentPlan
from deployments.reconciler.spec import spec_of
from deployments.serving import readings
from deployments.serving.terms import Manifest, TargetRefused
from lifecycle import artifacts
from lifecycle.models import Artifact, ModelVersion
from tests.deployments.factories import VersionFactory
from tests.deployments.targets import folders, weights
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db
ONNX = {"data": "model.onnx", "onnx_version": "1.20.1"}
NAMED = {
    "flavors": {"onnx": ONNX},
    "signature": {"inputs": '[{"type": "double", "name": "age"}]'},
    "saved_input_example_info": {"serving_input_path": "serving_input.json"},
}


def logged(files, path="model"):
    """Return a version of files that a run keeps, named by its path there."""
    run = RunFactory()
    for name, content in files.items():
        artifacts.save(run, name, [content], by=None)
    return ModelVersion.register("model", by=None, run=run, artifact_path=path)


def onnx_beside(**beside):
    """Return a version of an ONNX file with these files beside it in its folder."""
    files = {f"model/{name.replace('__', '.')}": it for name, it in beside.items()}
    return logged({"model/model.onnx": b"not really a model", **files})


def requested(version, **plan):
    plan = DeploymentPlan(**plan)
    return Deployment.request(version, "development", by=None, plan=plan)


def spec_for(deployment, **rule):
    rule = EnvironmentRule(environment="development", **rule)
    return spec_of(Deployment.objects.get(pk=deployment.pk), rule)


# Whether it can be run ----------------------------------------------------------------


def test_a_version_whose_file_is_not_here_is_refused():
    deployment = requested(VersionFactory())
    Artifact.objects.update(is_stored=False)

    with pytest.raises(TargetRefused, match="has no artifact that can be served"):
        spec_for(deployment)


def test_an_instance_type_that_is_offered_no_more_is_refused():
    deployment = requested(VersionFactory())
    Deployment.objects.update(instance_type="gone")

    with pytest.raises(TargetRefused, match="no instance type 'gone' any more"):
        spec_for(deployment)


# How it is run ------------------------------------------------------------------------


def test_without_scaling_there_are_as_many_as_were_asked_for():
    spec = spec_for(requested(VersionFactory(), instances=2))

    assert (spec.instances, spec.max_instances) == (2, 0)


def test_with_scaling_it_begins_with_the_fewest():
    sizes = {"instances": 2, "min_instances": 1, "max_instances": 3}
    spec = spec_for(requested(VersionFactory(), auto_scaling=True, **sizes))

    assert (spec.instances, spec.max_instances) == (1, 3)


def test_the_instance_type_is_processors_and_memory():
    spec = spec_for(requested(VersionFactory(), instance_type="cpu.medium"))

    assert (spec.cpus, spec.memory_bytes) == (2, 2 << 30)


@pytest.mark.parametrize(("timeout_s", "ended_after_s"), [(None, 30.0), (60, 80.0)])
def test_a_prediction_is_ended_a_while_after_the_gateway_gave_up(
    timeout_s, ended_after_s
):
    spec = spec_for(requested(VersionFactory(), timeout_s=timeout_s))

    assert spec.predict_limit_s == ended_after_s


@pytest.mark.parametrize("own", [None, 1 << 20])
def test_a_request_is_as_long_as_the_deployment_or_the_setting_allows(own):
    spec = spec_for(requested(VersionFactory(), max_body_bytes=own))

    assert spec.max_body_bytes == (own or settings.MAX_BODY_BYTES)


def test_what_is_allowed_is_the_environments():
    allowed = {
        "allows_pickle": True,
        "converts_to_onnx": True,
        "interpreter": "/srv/churn/bin/python",
    }
    spec = spec_for(requested(VersionFactory()), **allowed)

    found = (spec.allows_code, spec.converts, spec.interpreter)
    assert found == tuple(allowed.values())


# What lies beside its file ------------------------------------------------------------


def test_a_file_alone_has_nothing_beside_it():
    file = spec_for(requested(VersionFactory(content=b"weights"))).file

    assert (file.name, file.size_bytes) == ("model.onnx", 7)
    assert (file.golden, file.example, file.manifest) == (None, None, None)
    assert (file.folder, file.data, file.feature_names) == (None, (), ())


def test_an_mlmodel_says_how_its_file_is_called_and_what_was_asked():
    version = onnx_beside(
        MLmodel=json.dumps(NAMED).encode(), serving_input__json=b"asked"
    )

    file = spec_for(requested(version)).file

    assert file.manifest == Manifest(
        flavor="onnx", version="1.20.1", inputs=NAMED["signature"]["inputs"]
    )
    assert file.feature_names == ("age",)
    assert file.example.read_bytes() == b"asked"


def test_a_request_that_the_mlmodel_names_may_not_be_here():
    version = onnx_beside(MLmodel=json.dumps(NAMED).encode())
    assert spec_for(requested(version)).file.example is None

    version = onnx_beside(
        MLmodel=json.dumps(NAMED).encode(), serving_input__json=b"asked"
    )
    Artifact.objects.filter(path="model/serving_input.json").update(is_stored=False)
    assert spec_for(requested(version)).file.example is None


def test_the_first_rules_of_reading_know_no_logged_request():
    deployment = requested(
        onnx_beside(MLmodel=json.dumps(NAMED).encode(), serving_input__json=b"asked")
    )
    Deployment.objects.update(reading=readings.FIRST)

    assert spec_for(deployment).file.example is None


def test_an_mlmodel_that_names_another_file_says_nothing_of_this_one():
    other = {"flavors": {"onnx": {"data": "other.onnx"}}}
    version = onnx_beside(MLmodel=json.dumps(other).encode())

    assert spec_for(requested(version)).file.manifest is None


def test_what_was_validated_stays_whatever_the_mlmodel_says_since():
    deployment = requested(onnx_beside(MLmodel=json.dumps(NAMED).encode()))
    kept = {"manifest": {"flavor": "onnx", "version": "1.0"}}
    Deployment.objects.update(signature=kept)

    manifest = spec_for(deployment).file.manifest

    assert manifest == Manifest(flavor="onnx", version="1.0")


def test_stored_answers_are_found_by_the_files_name():
    version = onnx_beside(model__onnx__golden__json=b"answers")

    golden = spec_for(requested(version)).file.golden

    assert golden.read_bytes() == b"answers"


def test_stored_answers_of_which_the_bytes_are_gone_are_none():
    deployment = requested(onnx_beside(model__onnx__golden__json=b"answers"))
    named = Artifact.objects.filter(path="model/model.onnx.golden.json")
    named.update(is_stored=False)

    assert spec_for(deployment).file.golden is None


# A file that keeps weights in others --------------------------------------------------


@pytest.fixture
def in_two(tmp_path):
    """Return an ONNX file that keeps its weights in another, by their paths."""
    saved = weights.saved(weights.model_of(1), tmp_path)
    return {f"model/{name}": path.read_bytes() for name, path in saved.items()}


def test_the_files_that_weights_are_in_are_a_part_of_it(in_two):
    version = logged(in_two)

    file = spec_for(requested(version)).file

    (data,) = file.data
    weight = in_two["model/weights.bin"]
    assert (data.path, data.size_bytes) == ("weights.bin", len(weight))
    assert data.stored.read_bytes() == weight
    assert data.sha256 == version.run.artifacts.get(path="model/weights.bin").sha256
    assert file.sha256 == version.artifact.sha256


def test_weights_that_came_after_the_request_are_refused(in_two):
    weight = in_two.pop("model/weights.bin")
    version = logged(in_two)
    deployment = requested(version)
    artifacts.save(version.run, "model/weights.bin", [weight], by=None)

    with pytest.raises(TargetRefused, match="added, removed or changed"):
        spec_for(deployment)


def test_the_first_rules_of_reading_know_no_other_files(in_two):
    deployment = requested(logged(in_two))
    Deployment.objects.update(reading=readings.FIRST)

    assert spec_for(deployment).file.data == ()


# A folder that is code ----------------------------------------------------------------


def folder(**fields):
    contents = folders.contents(**fields)
    return {f"model/{name}": content for name, content in contents.items()}


def test_a_python_function_is_all_files_of_its_folder(tmp_path):
    files = folder()

    file = spec_for(requested(logged(files))).file

    found = {f"model/{one.path}": one.stored.read_bytes() for one in file.folder.files}
    assert found == files
    assert file.folder.loader_module == "made_by_hand"
    assert (file.folder.code, file.folder.data) == ("code", "data/bias.txt")
    assert (file.folder.inputs, file.folder.outputs) == (
        folders.COLUMNS,
        folders.ONE_NUMBER,
    )
    assert (file.manifest, file.feature_names) == (None, ("a", "b"))


def test_the_answers_of_a_folder_lie_beside_it():
    version = logged({**folder(), "model.golden.json": b"answers"})

    assert spec_for(requested(version)).file.golden.read_bytes() == b"answers"


def test_a_folder_that_has_one_file_more_is_refused():
    version = logged(folder())
    deployment = requested(version)
    version.run.artifacts.create(path="model/code/sitecustomize.py", sha256="0" * 64)

    with pytest.raises(TargetRefused, match="added, removed or changed"):
        spec_for(deployment)


def test_a_folder_without_a_python_function_is_refused():
    version = logged({"model/MLmodel": b"flavors: {}"}, "model/MLmodel")

    with pytest.raises(TargetRefused, match="no python_function"):
        spec_for(requested(version))
