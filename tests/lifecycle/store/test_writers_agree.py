"""REST, the MLflow protocol and the admin: one act leaves one entry, or one refusal.

The differences that the protocols ask for stand in tests of their own at the end.
"""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from lifecycle.models import Artifact, Experiment, ModelVersion, Run
from lifecycle.states import ExperimentStatus, RunStatus
from mlops.core.models import ApiToken, AuditEntry
from tests.lifecycle.factories import ExperimentFactory, RunFactory, stored
from tests.lifecycle.mlflow.conftest import MlflowClient, mlflow_as

__all__ = ["mlflow_as"]

pytestmark = pytest.mark.django_db

L = "/api/v1/ml/lifecycle"
NOTE = "mlflow.note.content"


class Rest:
    """A person's client of the API."""

    def __init__(self, client):
        self._client = client

    def make_experiment(self, name):
        return self._client.post(f"{L}/experiments", {"name": name, "description": ""})

    def describe_experiment(self, experiment, text):
        return self._change(experiment, description=text)

    def tag_experiment(self, experiment, key, value):
        return self._change(experiment, tags=[f"{key}={value}"])

    def start(self, experiment):
        return self._client.post(f"{L}/runs", {"experiment_name": experiment.name})

    def finish(self, run, status):
        return self._client.patch(f"{L}/runs/{run.uid}", {"status": status})

    def describe(self, run, text):
        return self._client.patch(f"{L}/runs/{run.uid}", {"notes": text})

    def upload(self, run, path, content):
        body = {"file": SimpleUploadedFile("f", content), "path": path}
        url = f"{L}/runs/{run.uid}/artifacts"
        return self._client.post(url, body, format="multipart")

    def _change(self, experiment, **fields):
        return self._client.patch(f"{L}/experiments/{experiment.name}", fields)

    @staticmethod
    def refusal(answer):
        return answer.status_code, answer.json()["code"], answer.json()["detail"]


class Mlflow:
    """The same person's client of the protocol."""

    WORDS = {RunStatus.COMPLETED: "FINISHED", RunStatus.FAILED: "FAILED"}

    def __init__(self, client):
        self._client = client

    def make_experiment(self, name):
        return self._client.post("experiments/create", name=name)

    def describe_experiment(self, experiment, text):
        return self.tag_experiment(experiment, NOTE, text)

    def tag_experiment(self, experiment, key, value):
        return self._client.post(
            "experiments/set-experiment-tag",
            experiment_id=str(experiment.pk),
            key=key,
            value=value,
        )

    def delete_experiment(self, experiment):
        return self._client.post("experiments/delete", experiment_id=str(experiment.pk))

    def restore_experiment(self, experiment):
        return self._client.post(
            "experiments/restore", experiment_id=str(experiment.pk)
        )

    def start(self, experiment):
        return self._client.post("runs/create", experiment_id=str(experiment.pk))

    def finish(self, run, status):
        word = self.WORDS[status]
        return self._client.post("runs/update", run_id=run.uid, status=word)

    def describe(self, run, text):
        return self._client.post("runs/set-tag", run_id=run.uid, key=NOTE, value=text)

    def delete(self, run):
        return self._client.post("runs/delete", run_id=run.uid)

    def restore(self, run):
        return self._client.post("runs/restore", run_id=run.uid)

    def upload(self, run, path, content):
        return self._client.put(
            f"{run.experiment_id}/{run.uid}/artifacts/{path}", content
        )

    @staticmethod
    def refusal(answer):
        return answer.status, answer.code, answer.message


class Admin:
    """The same person at the pages of the admin."""

    ACTIONS = {RunStatus.COMPLETED: "complete", RunStatus.FAILED: "fail"}

    def __init__(self, client):
        self._client = client

    def make_experiment(self, name):
        form = {"name": name, "description": "", "metadata": "{}"}
        return self._post("experiment_add", form)

    def describe_experiment(self, experiment, text):
        form = {"description": text, "metadata": "{}"}
        return self._post("experiment_change", form, experiment.pk)

    def delete_experiment(self, experiment):
        return self._act("experiment", "remove", experiment)

    def restore_experiment(self, experiment):
        return self._act("experiment", "restore", experiment)

    def start(self, experiment):
        form = {"experiment": experiment.pk, "name": "", "notes": ""}
        return self._post("run_add", form)

    def finish(self, run, status):
        return self._act("run", self.ACTIONS[status], run)

    def describe(self, run, text):
        return self._post("run_change", {"notes": text}, run.pk)

    def delete(self, run):
        return self._act("run", "remove", run)

    def restore(self, run):
        return self._act("run", "restore", run)

    def upload(self, run, path, content):
        form = {"file": SimpleUploadedFile("f", content), "path": path}
        return self._post("run_upload", form, run.pk)

    def _post(self, page, form, *arguments):
        url = reverse(f"admin:lifecycle_{page}", args=arguments)
        return self._client.post(url, form, follow=True)

    def _act(self, page, action, row):
        chosen = {"action": action, "_selected_action": [str(row.pk)]}
        form = {**chosen, "confirmed": "yes"}
        return self._post(f"{page}_changelist", form)

    @staticmethod
    def refusal(answer):
        return answer.status_code, "", answer.content.decode()


@pytest.fixture
def boss(person):
    user = person("admin")
    user.is_superuser = user.is_staff = True
    user.save()
    return user


@pytest.fixture(params=[Rest, Mlflow, Admin], ids=["rest", "mlflow", "admin"])
def writer(request, boss, api, client):
    """Return the writers in turn, each as the same person."""
    if request.param is Mlflow:
        return Mlflow(MlflowClient(ApiToken.issue(boss, "mlflow")[1]))
    if request.param is Admin:
        client.force_login(boss)
        return Admin(client)
    return Rest(api(boss))


def entry(action):
    """Return what the person's one entry of an action says."""
    found = AuditEntry.objects.get(action=action, actor__username="admin")
    return found.object_type, found.object_id, found.object_name, found.changes


def acts(writer, verb):
    if not hasattr(writer, verb):
        pytest.skip(f"this writer has no {verb}")
    return getattr(writer, verb)


def reference(thing, name=""):
    return {"id": thing.pk, "name": name or str(thing)}


def test_making_an_experiment_is_one_entry(writer):
    writer.make_experiment("momentum")

    made = Experiment.objects.get(name="momentum")
    assert entry("create") == ("lifecycle.experiment", str(made.pk), "momentum", {})
    assert made.owner.username == made.created_by.username == "admin"


def test_describing_an_experiment_is_one_entry(writer):
    experiment = ExperimentFactory(name="momentum", description="old")

    writer.describe_experiment(experiment, "new")

    changes = {"description": ["old", "new"]}
    target = ("lifecycle.experiment", str(experiment.pk), "momentum")
    assert entry("change") == (*target, changes)


def test_tagging_an_experiment_is_one_entry(writer):
    experiment = ExperimentFactory(name="momentum")
    experiment.set_tags({"team": "old"}, by=None)

    acts(writer, "tag_experiment")(experiment, "team", "new")

    changes = {"tags": [{"team": "old"}, {"team": "new"}]}
    target = ("lifecycle.experiment", str(experiment.pk), "momentum")
    assert entry("change") == (*target, changes)


def test_deleting_and_restoring_an_experiment_are_one_entry_each(writer):
    experiment = ExperimentFactory(name="momentum")

    acts(writer, "delete_experiment")(experiment)
    writer.restore_experiment(experiment)

    target = ("lifecycle.experiment", str(experiment.pk), "momentum")
    assert entry("delete") == entry("restore") == (*target, {})


def test_starting_a_run_is_one_entry(writer):
    experiment = ExperimentFactory(name="momentum")

    writer.start(experiment)

    run = Run.objects.get()
    changes = {"experiment": reference(experiment)}
    assert entry("start") == ("lifecycle.run", str(run.pk), str(run), changes)
    assert run.created_by.username == "admin"


@pytest.mark.parametrize("status", [RunStatus.COMPLETED, RunStatus.FAILED])
def test_ending_a_run_is_one_entry(writer, status):
    run = RunFactory()

    writer.finish(run, status)

    changes = {"status": ["running", str(status)]}
    assert entry("finish") == ("lifecycle.run", str(run.pk), run.uid, changes)
    assert Run.objects.get().status == status


def test_describing_a_run_is_one_entry(writer):
    run = RunFactory()

    writer.describe(run, "looks fine")

    changes = {"notes": "looks fine"}
    assert entry("describe") == ("lifecycle.run", str(run.pk), run.uid, changes)


def test_deleting_and_restoring_a_run_are_one_entry_each(writer):
    run = RunFactory()

    acts(writer, "delete")(run)
    writer.restore(run)

    assert entry("delete") == ("lifecycle.run", str(run.pk), run.uid, {})
    assert entry("restore") == ("lifecycle.run", str(run.pk), run.uid, {})


def test_storing_a_file_is_one_entry(writer):
    run = RunFactory()

    writer.upload(run, "plots/a.txt", b"abc")

    file = Artifact.objects.get()
    changes = {"home": reference(run), "sha256": file.sha256}
    target = ("lifecycle.artifact", str(file.pk), "plots/a.txt")
    assert entry("store_artifact") == (*target, changes)


def test_a_file_in_the_place_of_another_is_two_entries(writer):
    run = RunFactory()
    old = stored(run, "a.txt", b"old")

    writer.upload(run, "a.txt", b"new")

    target = ("lifecycle.artifact", str(old.pk), "a.txt")
    assert entry("remove_artifact") == (*target, {"home": reference(run)})
    assert entry("store_artifact")[2] == "a.txt"


TAKEN = {
    Rest: (409, "already_exists"),
    Mlflow: (400, "RESOURCE_ALREADY_EXISTS"),
    Admin: (200, ""),
}
ARCHIVED = {
    Rest: (409, "experiment_archived"),
    Mlflow: (400, "INVALID_PARAMETER_VALUE"),
    Admin: (200, ""),
}
IN_USE = {
    Rest: (409, "artifact_in_use"),
    Mlflow: (400, "BAD_REQUEST"),
    Admin: (200, ""),
}
UNSAFE = {
    Rest: (422, "unsafe_path"),
    Mlflow: (400, "INVALID_PARAMETER_VALUE"),
    Admin: (200, ""),
}


def test_a_name_in_use_is_refused(writer):
    ExperimentFactory(name="momentum")

    status, code, text = writer.refusal(writer.make_experiment("momentum"))

    assert (status, code) == TAKEN[type(writer)]
    assert "already" in text
    assert Experiment.objects.count() == 1


def test_an_archived_experiment_takes_no_run(writer):
    experiment = ExperimentFactory(status=ExperimentStatus.ARCHIVED)

    status, code, text = writer.refusal(writer.start(experiment))

    assert (status, code) == ARCHIVED[type(writer)]
    assert "archived" in text
    assert not Run.objects.exists()
    assert not AuditEntry.objects.filter(action="start").exists()


def test_a_file_that_a_version_stands_on_is_not_replaced(writer):
    run = RunFactory()
    stored(run)
    ModelVersion.register("churn", by=None, run=run)

    refused = writer.upload(run, "model.onnx", b"other")

    status, code, text = writer.refusal(refused)
    assert (status, code) == IN_USE[type(writer)]
    assert "stands on this file" in text
    assert run.artifacts.get().size_bytes == len(b"weights")


def test_a_path_that_climbs_is_refused(writer):
    run = RunFactory()

    status, code, _ = writer.refusal(writer.upload(run, "../a.txt", b"a"))

    assert (status, code) == UNSAFE[type(writer)]
    assert not Artifact.objects.exists()


def test_a_run_that_ended_ends_again_only_by_the_protocol(writer):
    """MLflow takes a client's word for a run's status; only a deleted one is closed."""
    run = RunFactory(status=RunStatus.COMPLETED, ended_ms=2**41)

    answer = writer.finish(run, RunStatus.FAILED)

    by_protocol = isinstance(writer, Mlflow)
    expected = RunStatus.FAILED if by_protocol else RunStatus.COMPLETED
    assert Run.objects.get().status == expected
    assert AuditEntry.objects.filter(action="finish").exists() == by_protocol
    if isinstance(writer, Rest):
        assert writer.refusal(answer)[:2] == (409, "illegal_run_status")


def test_a_run_that_ended_takes_files_only_by_the_protocol(writer):
    run = RunFactory(status=RunStatus.COMPLETED, ended_ms=2**41)

    answer = writer.upload(run, "a.txt", b"a")

    assert Artifact.objects.exists() == isinstance(writer, Mlflow)
    if isinstance(writer, Rest):
        assert writer.refusal(answer)[:2] == (409, "run_closed")
