"""Purging what was deleted: rows, files and names go; what is needed stays."""

import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models.signals import post_delete
from django.utils import timezone

from lifecycle import artifacts
from lifecycle.models import Experiment, LoggedModel, MetricPoint, ModelVersion, Run
from lifecycle.models.metric import NewPoint
from lifecycle.purge import purge
from mlops.core.models import AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(person):
    by = person("data scientist")
    run = Run.start(Experiment.create("old", by=by), by=by)
    run.log(metrics=[NewPoint("loss", 0.5)])
    artifacts.save(run, "model.onnx", [b"12345"], by=by)
    return run


def later():
    return timezone.now() + timedelta(seconds=1)


def test_a_deleted_run_goes_with_its_points_and_files(run):
    file = artifacts.file_path(run.artifacts.get())
    run.delete_softly(by=None)

    done = purge(later())

    assert (done.runs, done.size_bytes) == ([run.uid], 5)
    assert not file.exists()
    assert not Run.objects.exists()
    assert not MetricPoint.objects.exists()
    assert AuditEntry.objects.filter(action="purge").count() == 1


def test_the_name_of_a_purged_experiment_is_free_again(run):
    run.experiment.delete_softly(by=None)

    done = purge(later())

    assert done.experiments == ["old"]
    assert Experiment.create("old", by=None).pk


def test_what_lives_or_was_deleted_since_stays(run):
    purge(later())
    run.delete_softly(by=None)

    purge(timezone.now() - timedelta(days=1))

    assert Run.objects.filter(pk=run.pk).exists()


def test_a_run_that_a_version_stands_on_stays_with_its_experiment(run):
    ModelVersion.register("m", by=None, run=run, artifact_path="model.onnx")
    run.experiment.delete_softly(by=None)

    done = purge(later())

    assert (done.kept, done.runs, done.experiments) == ([run.uid], [], [])
    assert artifacts.file_path(run.artifacts.get()).exists()


def logged(run):
    return LoggedModel.objects.create(
        id=f"m-{uuid.uuid4().hex}",
        experiment=run.experiment,
        name="net",
        source_run=run,
        created_ms=1,
        updated_ms=1,
    )


def test_the_run_behind_a_registered_logged_model_stays(run):
    version = ModelVersion.register("m", by=None, logged_model=logged(run))
    run.delete_softly(by=None)

    done = purge(later())

    assert (done.kept, done.runs) == ([run.uid], [])
    version.refresh_from_db()
    assert version.training_run_ids == [run.pk]


def test_a_logged_model_still_says_which_run_made_it(run):
    model = logged(run)
    run.delete_softly(by=None)

    purge(later())

    model.refresh_from_db()
    assert (model.source_run, model.source_run_label) == (None, run.uid)


def test_a_run_that_is_restored_while_others_are_purged_stays(run):
    other = Run.start(run.experiment, by=None)
    for one in (run, other):
        one.delete_softly(by=None)

    def restore_the_other(**_signal):
        other.restore(by=None)

    post_delete.connect(restore_the_other, sender=Run)
    try:
        done = purge(later())
    finally:
        post_delete.disconnect(restore_the_other, sender=Run)

    assert done.runs == [run.uid]
    assert Run.objects.alive().get() == other


def test_a_dry_run_only_tells(run, capsys):
    run.delete_softly(by=None)

    call_command("purge", "--days", "-1", "--dry-run")

    assert "would remove 0 experiments, 1 runs" in capsys.readouterr().out
    assert Run.objects.exists()


def test_the_default_experiment_is_never_purged(person):
    Experiment(pk=0, name="Default", deleted_at=timezone.now()).save()

    assert purge(later()).experiments == []
