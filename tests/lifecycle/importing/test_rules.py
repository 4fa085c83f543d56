"""What an import keeps, refuses and asks for."""

import sqlite3
from contextlib import closing

import pytest

from deployments.errors import ApprovalMissing
from deployments.models import Deployment
from lifecycle.models import Experiment, HistoryImport, ModelVersion, Run
from lifecycle.states import ModelStage
from mlops.core.models import AuditEntry
from tests.lifecycle.importing.history import bring_in, unpacked
from tests.lifecycle.mlflow.conftest import mlflow, mlflow_as

__all__ = ["mlflow", "mlflow_as"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def history(tmp_path):
    return unpacked("sql-3.4.0", tmp_path)


def edit(history, *statements):
    with closing(sqlite3.connect(history.folder / "store.db")) as store, store:
        for statement in statements:
            store.execute(statement)


def test_an_import_is_one_entry_of_the_trail(history, person):
    report, _, _ = bring_in(
        history.source, "--by", person("admin").username, artifacts=history.artifacts
    )

    entry = AuditEntry.objects.get(object_type="lifecycle.history")
    assert (entry.action, entry.actor) == ("record", person("admin"))
    assert entry.changes == report["written"]
    assert AuditEntry.objects.filter(object_type__startswith="lifecycle").count() == 1


def test_the_admin_sees_how_far_it_is(history, client, person):
    report, _, _ = bring_in(history.source, artifacts=history.artifacts)

    row = HistoryImport.objects.get()
    assert (row.runs_seen, row.runs_total) == (8, 8)
    assert row.report == report
    user = person("admin")
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    page = client.get(f"/admin/lifecycle/historyimport/{row.pk}/change/")
    assert page.status_code == 200
    assert "8 / 8 (100 %)" in page.content.decode()


def test_nothing_comes_in_approved(history):
    bring_in(history.source, artifacts=history.artifacts)

    serving = ModelVersion.objects.filter(stage=ModelStage.PRODUCTION)
    assert serving.count() == 2
    for version in serving:
        assert version.approved_at is None
        assert version.approval_notes == "imported from MLflow, not approved here"
        assert version.stage_changes.get().reason == "imported from MLflow"


def test_production_asks_for_an_approval_here(history, person):
    bring_in(history.source, artifacts=history.artifacts)
    version = ModelVersion.objects.get(number=2)

    with pytest.raises(ApprovalMissing):
        Deployment.request(version, "production", by=person("deployer"))


def test_the_next_version_has_a_number_that_none_had(history, mlflow):
    bring_in(history.source, artifacts=history.artifacts)

    name = "risk model (é)"
    made = mlflow.ok("model-versions/create", name=name, source="s3://bucket/model")

    assert made["model_version"]["version"] == "5"


def test_the_next_experiment_has_an_id_of_its_own(history, mlflow):
    bring_in(history.source, artifacts=history.artifacts)

    made = mlflow.ok("experiments/create", name="after the import")

    assert int(made["experiment_id"]) > 3


def test_a_taken_id_becomes_another_one(history, mlflow):
    taken = Experiment.objects.create(pk=1, name="ours")

    report, ended_well, said = bring_in(history.source, artifacts=history.artifacts)

    assert ended_well, said
    moved = Experiment.objects.get(
        tags__value="1", tags__key__name__endswith=".experiment_id"
    )
    assert moved.pk != taken.pk
    assert moved.name.startswith("hard/names")
    assert report["written"]["runs"] == 8


def test_taken_names_are_listed_before_anything_is_written(history):
    Experiment.objects.create(name="plain")
    Experiment.objects.create(name="gone")

    _, ended_well, _ = bring_in(history.source, artifacts=history.artifacts)

    assert not ended_well
    assert not Run.objects.exists()


def test_a_prefix_makes_room(history):
    Experiment.objects.create(name="plain")

    report, ended_well, said = bring_in(
        history.source, "--prefix", "team a ", artifacts=history.artifacts
    )

    assert ended_well, said
    assert Experiment.objects.filter(name="team a plain").exists()
    assert ModelVersion.objects.filter(model__name="team a empty").exists()
    assert report["written"]["runs"] == 8


def test_people_are_mapped_where_it_is_said(history, person, tmp_path):
    user = person("data scientist")
    (tmp_path / "users.json").write_text(f'{{"ada": "{user.username}"}}')

    bring_in(
        history.source,
        "--users",
        str(tmp_path / "users.json"),
        artifacts=history.artifacts,
    )

    assert Run.objects.get(name="parent").created_by == user
    assert Run.objects.get(name="child 0").created_by is None
    assert Run.objects.get(name="child 0").user_label == "bob"


def test_files_that_are_not_found_are_named(history, tmp_path):
    report, ended_well, _ = bring_in(history.source)

    assert not ended_well
    assert report["missing_files"] == 9
    assert Run.objects.count() == 8


def test_files_may_come_later(history):
    bring_in(history.source, "--allow-missing-files")

    report, ended_well, said = bring_in(history.source, artifacts=history.artifacts)

    assert ended_well, said
    assert report["written"] == {"files": 8}


def test_what_was_deleted_keeps_its_time(history):
    bring_in(history.source, artifacts=history.artifacts)

    with closing(sqlite3.connect(history.folder / "store.db")) as store:
        times = dict(store.execute("SELECT run_uuid, deleted_time FROM runs"))
    gone = Run.objects.get(deleted_ms__isnull=False)
    assert gone.deleted_ms == times[gone.uid]
    swept = Run.objects.get(experiment__name="gone")
    assert swept.deleted_ms is None


def test_a_restored_experiment_has_its_runs(history, mlflow):
    bring_in(history.source, artifacts=history.artifacts)
    gone = Experiment.objects.get(name="gone")

    mlflow.ok("experiments/restore", experiment_id=str(gone.pk))

    found = mlflow.ok("runs/search", experiment_ids=[str(gone.pk)])
    assert len(found["runs"]) == 1


def test_an_open_run_gets_what_was_logged_since(history):
    bring_in(history.source, artifacts=history.artifacts)
    run = Run.objects.get(status="running")
    edit(
        history,
        f"INSERT INTO metrics VALUES ('new', 1.5, 7, '{run.uid}', 3, 0)",
        f"INSERT INTO params (key, value, run_uuid) VALUES ('p', '1', '{run.uid}')",
        f"UPDATE runs SET status='FINISHED', end_time=9 WHERE run_uuid='{run.uid}'",
    )

    report, ended_well, said = bring_in(history.source, artifacts=history.artifacts)

    assert ended_well, said
    assert report["written"] == {"parameters": 1, "points": 1, "runs that went on": 1}
    run.refresh_from_db()
    assert (run.status, run.ended_ms) == ("completed", 9)
    assert run.latest_metrics.get().value == 1.5


def test_what_has_changed_since_is_named(history):
    bring_in(history.source, artifacts=history.artifacts)
    edit(history, "UPDATE params SET value='other' WHERE key='lr'")

    report, ended_well, _ = bring_in(history.source, artifacts=history.artifacts)

    assert not ended_well
    assert report["refused"] == {"parameters": 1}
    assert report["written"] == {}
